//! Commands that resist termination.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::{cgroups, processes, run, serve_script, submit, work_folders};
use crate::harness::{Client, Site, wait_for};

/// A sleep duration that identifies this test's processes.
fn marker(number: u32) -> String {
    format!("31{}{number:02}", std::process::id())
}

fn cancel(client: Client, id: &str) -> Value {
    client.post(&format!("/v1/jobs/{id}/cancel"), &json!({}), 202);
    client.ended(id)
}

fn wait_until_there(path: &Path) {
    wait_for("the command's sign", || path.exists().then_some(()));
}

#[test]
fn descendants_are_killed_when_the_attempt_ends() {
    check_that_all_is_gone(1, Some);
}

#[test]
fn descendants_are_killed_without_control_groups() {
    check_that_all_is_gone(2, |command| cgroups::hide_groups(&command));
}

/// Runs each case with servers started through `run`; `None` if that is not possible here.
fn check_that_all_is_gone(round: u32, run: impl Fn(Command) -> Option<Command>) {
    // Each command creates a file when it is ready, and processes that are recognized by their sleep duration.
    let scripts = [
        (
            "ignores the signal",
            "trap '' TERM; touch S; sleep M; sleep M",
        ),
        (
            "its children ignore it too",
            "trap '' TERM; (sleep M; sleep M) & touch S; wait; sleep M",
        ),
        ("forks", "for i in 1 2 3; do sleep M & done; touch S; wait"),
        ("leaves its session", "setsid sleep M & touch S; wait"),
        (
            "forks twice",
            "(setsid sh -c 'sleep M & sleep M &' &) ; touch S; sleep M",
        ),
        (
            "clears its environment",
            "(env -i setsid sh -c 'trap \"\" TERM; sleep M & sleep M' &); touch S; sleep M",
        ),
        (
            "closes its streams",
            "exec >&- 2>&- 3>&-; touch S; exec sleep M",
        ),
        (
            "keeps its streams open",
            "sleep M & setsid sleep M & touch S; trap '' TERM; while :; do sleep M; done",
        ),
        (
            "ends itself first",
            "touch S; setsid sleep M & sleep M & exit 0",
        ),
    ];
    let site = Site::new();
    for (number, (what, script)) in (0..).zip(scripts) {
        let (sign, marker) = (
            site.path().join(format!("sign-{number}")),
            marker(round * 10 + number),
        );
        let script = script
            .replace('M', &marker)
            .replace('S', &sign.display().to_string())
            .replace(&format!("TER{marker}"), "TERM");
        let Some(command) =
            run(site.command_configured(&super::declaration(&script, "grace = '200ms'")))
        else {
            return;
        };
        let server = site.serve_with(command);
        let client = server.client();
        let id = submit(client, &json!({}));
        wait_until_there(&sign);
        let job = if script.ends_with("exit 0") {
            client.ended(&id)
        } else {
            cancel(client, &id)
        };
        assert!(!job["finishedAt"].is_null(), "{what}: {job}");
        let left = processes(&marker);
        assert!(left.is_empty(), "{what}: {left:?}");
        assert_eq!(
            server.children(),
            0,
            "{what}: no orphan waits for its parent"
        );
        assert_eq!(work_folders(&site), 0, "{what}");
        server.stop();
    }
}

#[test]
fn canceled_command_gets_sigterm_and_a_grace_period() {
    let site = Site::new();
    let (sign, last) = (site.path().join("sign"), site.path().join("last"));
    let script = format!(
        "trap 'sleep 0.3; touch {}; exit 0' TERM; touch {}; while :; do sleep 0.05; done",
        last.display(),
        sign.display()
    );
    let server = serve_script(&site, &script, "grace = '1m'");
    let id = submit(server.client(), &json!({}));
    wait_until_there(&sign);
    let job = cancel(server.client(), &id);
    assert_eq!(job["status"], "canceled", "despite its exit code: {job}");
    assert!(last.exists());
    server.stop();
}

#[test]
fn descendants_get_the_grace_period_too() {
    let site = Site::new();
    let (sign, last) = (site.path().join("sign"), site.path().join("last"));
    let script = format!(
        "sh -c 'trap \"sleep 0.3; touch {}; exit\" TERM; touch {}; while :; do sleep 0.05; done' & wait",
        last.display(),
        sign.display()
    );
    let server = serve_script(&site, &script, "grace = '1m'");
    let id = submit(server.client(), &json!({}));
    wait_until_there(&sign);
    cancel(server.client(), &id);
    assert!(last.exists());
    server.stop();
}

#[test]
fn command_is_killed_at_its_deadline() {
    let site = Site::new();
    let server = serve_script(
        &site,
        "trap '' TERM; sleep 3199",
        "timeout = '200ms'\ngrace = '100ms'",
    );
    let job = run(server.client(), &json!({}));
    assert_eq!(job["error"]["code"], "timed_out", "{job}");
    server.stop();
}

#[test]
fn stdin_is_empty_and_output_is_bounded() {
    let site = Site::new();
    let server = serve_script(
        &site,
        "cat; head -c 100000000 /dev/zero | tr '\\0' x >&2; echo done >\"$1\"",
        "",
    );
    let job = run(server.client(), &json!({}));
    assert_eq!(job["status"], "succeeded", "{job}");
    assert!(server.peak_kib() < 100_000, "{} KiB", server.peak_kib());
    server.stop();

    let more = "[limits]\nresult-bytes = '10 MB'";
    for script in [
        "head -c 10000000000 /dev/zero >\"$1\"",
        "exec 1>\"$1\"; while :; do head -c 1000000 /dev/zero; done",
    ] {
        let server = serve_script(&site, script, more);
        let job = run(server.client(), &json!({}));
        assert_eq!(job["error"]["code"], "result_too_large", "{job}");
        assert_eq!(work_folders(&site), 0);
        server.stop();
    }
}

#[test]
fn command_inherits_no_descriptor_of_the_server() {
    let site = Site::new();
    // A descriptor that the server inherited from its parent.
    let inherited = std::fs::File::open("/dev/null").expect("a file");
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).expect("it stays open");
    let server = serve_script(&site, "ls -l /proc/self/fd >\"$1\"", "");
    drop(inherited);
    let client = server.client();
    let listed = super::result(client, &run(client, &json!({})));
    let numbers: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split_once(" -> ")?.0.rsplit(' ').next())
        .collect();
    // `ls` itself has one open for the folder.
    assert_eq!(numbers, ["0", "1", "2", "3", "4"], "{listed}");
    server.stop();
}

#[test]
fn server_stop_ends_commands_and_requeues_their_jobs() {
    let site = Site::new();
    let (sign, marker) = (site.path().join("sign"), marker(90));
    let script = format!(
        "if [ -e {0} ]; then echo again >\"$1\"; exit; fi; touch {0}; setsid sleep {marker} & sleep {marker}",
        sign.display()
    );
    let path = site.path().join("cloakroom.toml");
    std::fs::write(&path, super::declaration(&script, "")).expect("a file");
    let mut command = site.command();
    command
        .arg("--config")
        .arg(&path)
        .args(["--drain-timeout", "100ms"]);
    let server = site.serve_with(command);
    let id = submit(server.client(), &json!({}));
    wait_until_there(&sign);
    server.stop();
    let left = processes(&marker);
    assert!(left.is_empty(), "{left:?}");

    let server = serve_script(&site, &script, "");
    let job = server.client().ended(&id);
    assert_eq!(super::result(server.client(), &job), "again\n");
    assert_eq!(job["attempt"], 2);
    server.stop();
}

#[test]
fn operation_with_concurrency_1_runs_one_command_at_a_time() {
    let site = Site::new();
    let script = format!(
        "mkdir {0} || exit 7; sleep 0.02; rmdir {0}; echo ok >\"$1\"",
        site.path().join("held").display()
    );
    let server = serve_script(&site, &script, "concurrency = 1");
    let ids: Vec<_> = (0..6)
        .map(|_| submit(server.client(), &json!({})))
        .collect();
    for id in ids {
        let job = server.client().ended(&id);
        assert_eq!(job["status"], "succeeded", "{job}");
    }
    server.stop();
}

#[test]
fn concurrent_commands_leave_no_files_or_processes() {
    let site = Site::new();
    let marker = marker(91);
    let script = format!("(setsid sleep {marker} &); sleep 0.05; echo ok >\"$1\"");
    let server = serve_script(&site, &script, "");
    let ids: Vec<_> = (0..16)
        .map(|_| submit(server.client(), &json!({})))
        .collect();
    for id in ids {
        let job = server.client().ended(&id);
        assert_eq!(job["status"], "succeeded", "{job}");
    }
    let left = processes(&marker);
    assert!(left.is_empty(), "{left:?}");
    wait_for("no orphan", || (server.children() == 0).then_some(()));
    assert_eq!(work_folders(&site), 0);
    server.stop();
}
