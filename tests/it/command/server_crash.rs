//! Killed servers with running commands.

use std::process::Command;

use serde_json::json;

use super::{cgroups, declaration, processes, result, serve_script, submit, work_folders};
use crate::harness::{Site, wait_for};

/// Processes that sleep for this duration, without the shells whose scripts contain it.
pub(super) fn sleepers(seconds: &str) -> Vec<String> {
    let mut all = processes(seconds);
    all.retain(|line| line.contains(&format!(": sleep {seconds}")));
    all
}

/// Kills the server while its command and descendants run; returns the job after the next start.
fn killed(number: u32, more: &str) -> serde_json::Value {
    let site = Site::new();
    killed_on(&site, number, more, Some).expect("it needs nothing")
}

/// The same with servers started through `run`; `None` if that is not possible here.
fn killed_on(
    site: &Site,
    number: u32,
    more: &str,
    run: impl Fn(Command) -> Option<Command>,
) -> Option<serde_json::Value> {
    let sign = site.path().join("sign");
    let direct = format!("32{}{number}1", std::process::id());
    let others = format!("32{}{number}2", std::process::id());
    let script = format!(
        "if [ -e {0} ]; then echo again >\"$1\"; exit; fi; trap '' TERM HUP\n\
         sleep {others} & setsid sh -c 'trap \"\" TERM; sleep {others}; sleep {others}' & (setsid sleep {others} &)\n\
         touch {0}; exec sleep {direct}",
        sign.display()
    );
    let declared = declaration(&script, more);
    let server = site.serve_with(run(site.command_configured(&declared))?);
    let id = submit(server.client(), &json!({}));
    wait_for("the command's sign", || sign.exists().then_some(()));
    let are_there = || (sleepers(&direct).len(), sleepers(&others).len()) == (1, 3);
    wait_for("all of them", || are_there().then_some(()));
    server.kill();
    wait_for("the end of the command", || {
        sleepers(&direct).is_empty().then_some(())
    });
    let left = sleepers(&others).len();
    assert_eq!(left, 3, "what it had started is still there");
    assert_eq!(work_folders(site), 1);

    // Another server with its own data leaves these processes alone.
    let elsewhere = Site::new();
    elsewhere.serve_configured(&declaration("true", "")).stop();
    assert_eq!(sleepers(&others).len(), left);

    let server = site.serve_with(run(site.command_configured(&declared))?);
    // They are gone before the server answers.
    let left = sleepers(&others);
    assert!(left.is_empty(), "{left:?}");
    let job = server.client().ended(&id);
    if job["status"] == "succeeded" {
        assert_eq!(result(server.client(), &job), "again\n");
    }
    assert_eq!(work_folders(site), 0);
    server.stop();
    Some(job)
}

#[test]
fn descendants_are_killed_at_the_next_start() {
    let job = killed(1, "");
    assert_eq!(job["status"], "succeeded", "it ran again: {job}");
    assert_eq!(job["attempt"], 2);
}

#[test]
fn descendants_are_killed_at_the_next_start_without_control_groups() {
    let site = Site::new();
    let job = killed_on(&site, 3, "", |command| cgroups::hide_groups(&command));
    assert!(job.is_none_or(|job| job["attempt"] == 2));
}

#[test]
fn job_with_on_restart_fail_is_not_run_again() {
    let job = killed(2, "on-restart = 'fail'");
    assert_eq!(job["error"]["code"], "interrupted", "{job}");
    assert_eq!(job["attempt"], 1);
}

#[test]
fn command_that_kills_the_server_has_limited_attempts() {
    let site = Site::new();
    let count = site.path().join("count");
    let script = format!("echo x >>{}; kill -9 $PPID; sleep 3299", count.display());
    let serve = || serve_script(&site, &script, "max-attempts = 2");
    let mut server = serve();
    let json = [("content-type", "application/json")];
    // The server may be gone before it answers.
    let _ = server
        .client()
        .try_ask("POST", "/v1/operations/c", &json, b"{}");
    server.wait();
    // The second attempt begins at startup, and may kill the server before it listens.
    let path = site.path().join("cloakroom.toml");
    let mut command = site.command();
    command.arg("--config").arg(path);
    if let Ok(mut server) = site.try_serve_with(command) {
        server.wait();
    }
    let server = serve();
    let job = server.client().get("/v1/jobs", 200).json()["jobs"][0].clone();
    server.stop();
    assert_eq!(job["error"]["code"], "interrupted", "{job}");
    let attempts = std::fs::read_to_string(count).expect("a file");
    assert_eq!(attempts, "x\nx\n");
}

#[test]
fn job_of_a_removed_operation_fails() {
    let site = Site::new();
    let server = serve_script(&site, "sleep 3298", "");
    let id = submit(server.client(), &json!({}));
    server.kill();
    let server = site.serve();
    let job = server.client().ended(&id);
    assert_eq!(job["error"]["code"], "unknown_operation", "{job}");
    server.stop();
}
