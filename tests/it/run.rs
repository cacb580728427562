//! `cloakroom run` without a server.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Site, incompressible, skipped, wait_for};
use crate::zip::{files_below, files_in};

/// The command in its own folder, with a temporary folder that is checked afterwards.
fn run(site: &Site, arguments: &[&str]) -> Command {
    let temporary = site.path().join("tmp");
    std::fs::create_dir_all(&temporary).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command
        .arg("run")
        .args(arguments)
        .current_dir(site.path())
        .env("TMPDIR", temporary);
    command
}

fn output(site: &Site, arguments: &[&str], code: i32) -> Output {
    let output = run(site, arguments).output().expect("it ends");
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let left: Vec<_> = std::fs::read_dir(site.path().join("tmp"))
        .expect("a folder")
        .collect();
    assert!(left.is_empty(), "nothing temporary is left: {left:?}");
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn run_zips_a_folder_without_configuration() {
    let site = Site::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (name, bytes) in files_below(&sources, "sources") {
        site.write(&name, &bytes);
    }
    let expected = files_below(&site.docs().join("sources"), "sources");
    let archive =
        |name: &str| files_in(&std::fs::read(site.path().join(name)).expect("an archive"));

    let saved = output(&site, &["zip", "path=docs/sources", "-o", "out.zip"], 0);
    assert_eq!(text(&saved.stdout), "out.zip\n");
    assert!(
        text(&saved.stderr).contains("Zipp"),
        "progress in plain lines: {}",
        text(&saved.stderr)
    );
    assert_eq!(archive("out.zip"), expected);

    // The default output name is the archive's own, and existing files are never replaced.
    assert_eq!(
        text(&output(&site, &["zip", "path=./docs/sources"], 0).stdout),
        "sources.zip\n"
    );
    assert_eq!(
        text(&output(&site, &["-q", "zip", "path=docs/sources"], 0).stdout),
        "sources (1).zip\n"
    );
    assert_eq!(archive("sources (1).zip"), expected);

    let piped = output(&site, &["-q", "zip", "path=docs/sources", "-o", "-"], 0);
    assert_eq!(files_in(&piped.stdout), expected);
    assert_eq!(text(&piped.stderr), "");
}

#[test]
fn failures_have_a_message_and_exit_code() {
    let site = Site::new();
    let check = |arguments: &[&str], code, words: &str| {
        let said = text(&output(&site, arguments, code).stderr);
        assert!(said.contains(words), "{arguments:?}: {said}");
    };
    check(&["zip", "path=docs/nothing"], 1, "source_not_found");
    check(
        &["unzip"],
        2,
        "available operations: compare, copy, extract, fetch, merge, zip",
    );
    check(&["zip", "path"], 2, "NAME=VALUE");
    check(&["zip"], 2, "required");
    check(
        &["zip", "path=docs", "-o", "nowhere/out.zip"],
        1,
        "nowhere/out.zip",
    );
}

#[test]
fn interrupt_cancels_and_leaves_nothing() {
    let site = Site::new();
    site.write_zeros("long", 1 << 36);
    let mut command = run(&site, &["zip", "path=docs/long", "-o", "out.zip"]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = std::io::BufReader::new(child.stderr.take().expect("it is piped"));
    let mut line = String::new();
    while !line.contains("Zipping") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut lines, &mut line).expect("progress"),
            0
        );
    }
    kill_process(Pid::from_child(&child), Signal::INT).expect("it can be signalled");
    let status = wait_for("its end", || child.try_wait().expect("its status"));
    assert_eq!(status.code(), Some(1));
    assert!(!site.path().join("out.zip").exists());
    assert_eq!(
        std::fs::read_dir(site.path().join("tmp"))
            .expect("a folder")
            .count(),
        0
    );
}

#[test]
fn terminal_shows_phase_bytes_rate_and_time_left() {
    let site = Site::new();
    site.write("noise.bin", &incompressible(24 << 20));
    let program = env!("CARGO_BIN_EXE_cloakroom");
    let command = format!("{program} run zip path=docs -o out.zip");
    let terminal = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .current_dir(site.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output();
    let Ok(terminal) = terminal else {
        return skipped("there is no script(1)");
    };
    let seen = text(&terminal.stdout);
    assert!(terminal.status.success(), "{seen}");
    let is_bar = |line: &&str| {
        line.contains("Zipping [") && line.contains("MiB of 24.00 MiB, ") && line.contains("/s, ")
    };
    let bar = seen.split(['\r', '\n']).find(is_bar);
    assert!(bar.is_some_and(|bar| bar.contains(" left")), "{seen}");
    assert!(seen.contains("Saving ["), "{seen}");
}
