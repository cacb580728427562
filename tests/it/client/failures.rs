//! How commands explain a job that failed.

use std::process::{Command, Output};

use super::{cloakroom, said, words};
use crate::harness::{Server, Site};

fn serve(site: &Site) -> Server {
    site.serve_configured(
        "[operations.fails]\ncommand = ['sh', '-c', 'for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $n. >&2; done; exit 3']\n\
         [operations.slow]\ncommand = ['sh', '-c', 'echo half way >&2; sleep 60']\ntimeout = '1s'\n",
    )
}

fn submit(site: &Site, operation: &str) -> String {
    said(site, &["submit", "-q", operation]).trim().to_owned()
}

#[track_caller]
fn check(output: &Output, parts: &[&str], absent: &[&str]) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let text = words(output);
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
    for part in absent {
        assert!(!text.contains(part), "{part:?}: {text}");
    }
}

#[test]
fn failed_job_is_explained_with_its_last_lines_of_stderr() {
    let site = Site::new();
    let server = serve(&site);
    let url = format!("http://{}", server.address());
    let id = submit(&site, "fails");
    let log = format!("`cloakroom log {id}");
    let summary = "exit status 3: line 12. (exit_status)";
    let parts = [summary, "\n  line 3.\n", "\n  line 12.\n", &log];
    check(
        &cloakroom(&site, &["wait", "-q", &id]),
        &parts,
        &["line 2."],
    );
    check(&cloakroom(&site, &["get", "-q", &id]), &parts, &["line 2."]);
    let run = cloakroom(&site, &["run", "-q", "fails", "--url", &url]);
    let hint = format!(" --url {url}`");
    check(
        &run,
        &[summary, "\n  line 3.\n", "`cloakroom log 0", &hint],
        &[],
    );
    let waited = cloakroom(&site, &["submit", "-q", "--wait", "fails"]);
    let printed = String::from_utf8(waited.stdout.clone()).expect("text");
    let waited = Output {
        stdout: Vec::new(),
        ..waited
    };
    check(&waited, &[summary, printed.trim()], &[]);

    let status = said(&site, &["status", &id]);
    for part in parts {
        assert!(status.contains(part), "{part:?} is missing: {status}");
    }
    assert!(said(&site, &["jobs"]).contains("line 12."));
    server.stop();
}

#[test]
fn job_that_timed_out_is_explained_with_its_log() {
    let site = Site::new();
    let server = serve(&site);
    let id = submit(&site, "slow");
    let waited = cloakroom(&site, &["wait", "-q", &id]);
    check(&waited, &["(timed_out)", "\n  half way\n", &id], &[]);
    server.stop();
}

#[test]
fn canceled_job_is_reported_with_its_id() {
    let site = Site::new();
    let server = site.serve_configured("[operations.long]\ncommand = ['sleep', '60']\n");
    let id = submit(&site, "long");
    said(&site, &["cancel", &id]);
    let waited = cloakroom(&site, &["wait", "-q", &id]);
    check(&waited, &["the job was canceled", &id], &["stderr"]);
    server.stop();
}

#[test]
fn run_without_a_server_names_no_other_command() {
    let site = Site::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(["run", "-q", "zip", "path=missing"]);
    let output = command.current_dir(site.path()).output().expect("it runs");
    check(&output, &["(source_not_found)"], &["`cloakroom"]);
}
