//! Ctrl-C while `run --url` waits for a job on a terminal.

use std::io::Write;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::output::{read_to_end, read_until, terminal};
use crate::harness::{Server, Site};

/// Presses Ctrl-C while the job is running, gives the answer, and returns the exit code, the text on the terminal and the
/// job.
fn interrupted(site: &Site, server: &Server, answer: &str) -> (Option<i32>, String, Value) {
    let url = format!("http://{}", server.address());
    let (mut user, programs) = terminal();
    let [input, output] = [(); 2].map(|()| programs.try_clone().expect("a descriptor"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(["run", "gate", "--url", &url]);
    command.current_dir(site.path()).env("TERM", "xterm");
    let child = command.stdin(input).stdout(output).stderr(programs).spawn();
    let mut child = child.expect("it runs");
    drop(command);
    // The command knows the job.
    let mut shown = read_until(&mut user, "Running");
    let client = server.client();
    let list = client.get("/v1/jobs?status=running", 200).json();
    let job = list["jobs"][0].clone();
    kill_process(Pid::from_child(&child), Signal::INT).expect("it can be signaled");
    user.write_all(answer.as_bytes()).expect("an answer");
    if answer == "\n" {
        std::fs::write(site.path().join("open"), b"").expect("a file");
    }
    shown.push_str(&read_to_end(&mut user));
    let status = child.wait().expect("it ends");
    let id = job["id"].as_str().expect("an ID");
    let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
    (status.code(), shown, job)
}

#[test]
fn interrupted_run_asks_whether_to_cancel_the_job() {
    let site = Site::new();
    let open = site.path().join("open");
    let server = site.serve_configured(&format!(
        "[operations.gate]\ncommand = ['sh', '-c', 'until [ -e {} ]; do sleep 0.01; done; echo done']\noutput.filename = 'x'\n",
        open.display()
    ));
    let (code, shown, job) = interrupted(&site, &server, "y\n");
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("Cancel the job?"), "{shown}");
    assert!(shown.contains("canceled; nothing was saved"), "{shown}");
    assert_eq!(job["status"], "canceled");

    let (code, shown, job) = interrupted(&site, &server, "n\n");
    assert_eq!(code, Some(1), "{shown}");
    assert_eq!(job["status"], "running");
    let id = job["id"].as_str().expect("an ID");
    let back = format!("`cloakroom wait {id} --url http://{}`", server.address());
    assert!(shown.contains(&back), "{shown}");
    server
        .client()
        .post(&format!("/v1/jobs/{id}/cancel"), &Value::Null, 202);
    server.client().ended(id);

    let (code, shown, _) = interrupted(&site, &server, "\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(site.path().join("x").exists());
    server.stop();
}
