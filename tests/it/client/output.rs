//! Standard output and standard error of commands: full, closed, or a terminal.

use std::fs::File;
use std::io::{self, Read};
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{cloakroom, said};
use crate::harness::Site;
use crate::origin::{Origin, reply};

fn command(site: &Site, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).current_dir(site.path());
    command.env("CLOAKROOM_DATA", site.data());
    command
}

/// Runs a command with this standard output; returns its exit code and error output.
fn end(site: &Site, arguments: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = command(site, arguments).stdout(stdout).output();
    let output = output.expect("it runs");
    let text = String::from_utf8(output.stderr).expect("text");
    (output.status.code(), text)
}

fn full() -> File {
    let full = File::options().write(true).open("/dev/full");
    full.expect("a device")
}

fn without_reader() -> io::PipeWriter {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer
}

/// What a command prints on a terminal, both streams together.
fn shown(site: &Site, arguments: &[&str]) -> String {
    shown_by(&mut command(site, arguments))
}

fn shown_by(command: &mut Command) -> String {
    let (mut terminal, other) = terminal();
    let again = other.try_clone().expect("a descriptor");
    let child = command.stdout(other).stderr(again).spawn();
    // The command holds descriptors of the other end.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let shown = read_to_end(&mut terminal);
    child.expect("it runs").wait().expect("it ends");
    shown
}

/// A terminal: the end of its user, and the end of its programs.
pub(crate) fn terminal() -> (File, File) {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&terminal).expect("a terminal");
    unlockpt(&terminal).expect("a terminal");
    let name = ptsname(&terminal, Vec::new()).expect("its name");
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let other = rustix::fs::open(name.as_c_str(), flags, Mode::empty()).expect("its other end");
    (terminal.into(), other.into())
}

/// Reads what programs print on a terminal until they have printed `part`.
pub(super) fn read_until(terminal: &mut File, part: &str) -> String {
    let mut shown = String::new();
    let mut piece = [0; 4096];
    while !shown.contains(part) {
        let length = terminal.read(&mut piece);
        let length = length.unwrap_or_else(|error| panic!("{error} before {part:?}: {shown}"));
        shown.push_str(&String::from_utf8_lossy(&piece[..length]));
    }
    shown
}

/// Reads what programs print on a terminal until all of them have ended.
pub(crate) fn read_to_end(terminal: &mut File) -> String {
    let mut shown = Vec::new();
    // Reading fails once the other end is closed.
    let mut piece = [0; 4096];
    while let Ok(length @ 1..) = terminal.read(&mut piece) {
        shown.extend_from_slice(&piece[..length]);
    }
    String::from_utf8(shown).expect("text")
}

#[test]
fn statuses_are_colored_on_a_terminal_unless_no_color_is_set() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let id = said(&site, &["submit", "-q", "zip", "path=/docs/a"]);
    said(&site, &["wait", "-q", id.trim()]);
    let green = "\u{1b}[32msucceeded\u{1b}[0m";
    let has_color = |arguments: &[&str], no_color: &str| {
        let mut command = command(&site, arguments);
        command.env("TERM", "xterm").env("NO_COLOR", no_color);
        let shown = shown_by(&mut command);
        assert!(shown.contains("succeeded"), "{shown}");
        shown.contains(green)
    };
    assert!(has_color(&["jobs"], ""));
    assert!(!has_color(&["jobs"], "1"));
    assert!(has_color(&["jobs", "--color", "always"], "1"));
    assert!(!has_color(&["--color", "never", "status", id.trim()], ""));
    assert!(!said(&site, &["jobs"]).contains('\u{1b}'), "in a pipe");
    assert!(said(&site, &["jobs", "--color=always"]).contains(green));
    assert!(!said(&site, &["jobs", "--json", "--color=always"]).contains('\u{1b}'));
    server.stop();
}

#[test]
fn unwritable_stdout_fails_with_one_sentence() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let id = said(&site, &["submit", "-q", "zip", "path=/docs/a"]);
    let id = id.trim();
    said(&site, &["wait", "-q", id]);
    let before = count(&site);
    for arguments in [
        &["jobs"][..],
        &["jobs", "--json"],
        &["operations"],
        &["operations", "zip"],
        &["jobs", "--json", "--all"],
        &["wait", "-q", "--json", id],
        &["run", "zip", "--help"],
        &["run", "--help"],
        &["completions", "bash"],
        &["man"],
        &["status", id],
        &["get", "-q", "-o", "-", id],
        &["get", "-q", id],
        &["check"],
        &["run", "-q", "zip", "path=docs/a"],
        &["--help"],
        &["serve", "--help"],
        &["--version"],
        &["help", "submit"],
    ] {
        let (code, text) = end(&site, arguments, full());
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        let sentence = "cloakroom: cannot write to standard output: No space left on device";
        assert!(text.starts_with(sentence), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        // A reader that closes the pipe is no error.
        let quiet = end(&site, arguments, without_reader());
        assert_eq!(quiet, (Some(0), String::new()), "{arguments:?}");
    }
    // The stored result is kept.
    for arguments in [
        &["submit", "-q", "zip", "path=/docs/a"][..],
        &["submit", "-q", "--json", "--wait", "zip", "path=/docs/a"],
        &["retry", id],
    ] {
        let (code, text) = end(&site, arguments, full());
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert_eq!(text.lines().count(), 1, "{arguments:?}: {text}");
        let stored = text.trim().rsplit(' ').next().expect("a word").to_owned();
        said(&site, &["wait", "-q", &stored]);
        let quiet = end(&site, arguments, without_reader());
        assert_eq!(quiet, (Some(0), String::new()), "{arguments:?}");
    }
    assert_eq!(count(&site), before + 6);
    server.stop();
}

fn count(site: &Site) -> usize {
    let list: Value = serde_json::from_str(&said(site, &["jobs", "--json"])).expect("JSON");
    list["jobs"].as_array().expect("a list").len()
}

#[test]
fn token_is_not_created_when_it_cannot_be_printed() {
    let site = Site::new();
    for stdout in [Stdio::from(full()), without_reader().into()] {
        let (code, text) = end(&site, &["token", "add", "ann"], stdout);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("no token was created"), "{text}");
        assert_eq!(said(&site, &["token", "list"]), "");
    }
    said(&site, &["token", "add", "ann"]);
    assert_eq!(end(&site, &["token", "list"], full()).0, Some(1));
}

#[test]
fn unwritable_stderr_does_not_panic() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let status = |arguments: &[&str], stderr: Stdio| {
        let mut command = command(&site, arguments);
        let status = command.stdout(Stdio::null()).stderr(stderr).status();
        status.expect("it runs").code()
    };
    for (arguments, code) in [
        (&["run", "zip", "path=docs/a"][..], 0),
        (&["submit", "zip", "path=/docs/a"], 0),
        (&["status", "01ARZ3NDEKTSV4RRFFQ69G5FAV"], 1),
        (&["nonsense"], 2),
        (&["serve", "--listen", "nowhere"], 2),
    ] {
        assert_eq!(
            status(arguments, full().into()),
            Some(code),
            "{arguments:?}"
        );
        let gone = without_reader().into();
        assert_eq!(status(arguments, gone), Some(code), "{arguments:?}");
    }
    server.stop();
}

#[test]
fn control_characters_are_escaped_on_a_terminal_and_raw_in_a_pipe() {
    let site = Site::new();
    let evil = "\u{1b}]0;owned\u{7}";
    let server = site.serve_configured(
        "[operations.evil]\ncommand = ['printf', '\\033]0;owned\\007\\n']\noutput.filename = 'x'\n\
         [operations.fails]\ncommand = ['sh', '-c', 'printf \"\\033]0;owned\\007\" >&2; exit 1']\n",
    );
    let id = said(&site, &["submit", "-q", "evil"]);
    said(&site, &["wait", "-q", id.trim()]);
    let fails = said(&site, &["submit", "-q", "fails"]);
    let missing = format!("path=/docs/{evil}");
    let failed = said(&site, &["submit", "-q", "zip", &missing]);
    for id in [&fails, &failed] {
        cloakroom(&site, &["wait", "-q", id.trim()]);
    }
    let shows = |arguments: &[&str]| {
        let shown = shown(&site, arguments);
        assert!(!shown.contains(evil), "{arguments:?}: {shown:?}");
        assert!(
            shown.contains("\\u001b]0;owned\\u0007"),
            "{arguments:?}: {shown:?}"
        );
    };
    shows(&["get", "-o", "-", id.trim()]);
    shows(&["log", fails.trim()]);
    shows(&["status", failed.trim()]);
    shows(&["jobs"]);
    shows(&["status", "--json", failed.trim()]);
    shows(&["wait", failed.trim()]);
    shows(&["get", failed.trim()]);
    shows(&["run", "zip", &format!("path={evil}")]);
    let piped = said(&site, &["get", "-q", "-o", "-", id.trim()]);
    assert_eq!(piped, format!("{evil}\n"));
    assert_eq!(said(&site, &["log", fails.trim()]), evil);
    server.stop();
}

#[test]
fn suggested_result_names_stay_in_the_folder() {
    let origin = Origin::new(|ask, stream| {
        let body = match ask.path.as_str() {
            "/v1/downloads/01ARZ3NDEKTSV4RRFFQ69G5FAV" => b"result".to_vec(),
            _ => serde_json::to_vec(&serde_json::json!({
                "id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                "status": "succeeded",
                "finishedAt": "2026-01-01T00:00:00Z",
                "output": {
                    "filename": "../../evil/.\u{1b}[2J\nrc",
                    "size": 6,
                    "sha256": hex::encode(Sha256::digest(b"result")),
                },
            }))
            .expect("JSON"),
        };
        crate::origin::write(stream, &reply("200 OK", "", &body));
    });
    let site = Site::new();
    let url = origin.url("");
    let output = command(
        &site,
        &["get", "-q", "--url", &url, "01ARZ3NDEKTSV4RRFFQ69G5FAV"],
    )
    .output();
    let output = output.expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(output.stdout, b"__[2J_rc\n");
    let saved = std::fs::read(site.path().join("__[2J_rc"));
    assert_eq!(saved.expect("a file"), b"result");
}
