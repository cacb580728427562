//! Commands that talk to a running server.

mod failures;
mod ids;
mod interrupt;
mod lists;
mod operations;
mod options;
pub(crate) mod output;
mod run;
mod save;
mod tls;
mod wrong_address;

use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::Site;

/// Runs a command against the server of a site.
fn cloakroom(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).env("CLOAKROOM_DATA", site.data());
    command.output().expect("it runs")
}

/// Runs a command that must succeed; returns its output.
fn said(site: &Site, arguments: &[&str]) -> String {
    let output = cloakroom(site, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn code(site: &Site, arguments: &[&str]) -> Option<i32> {
    cloakroom(site, arguments).status.code()
}

/// The error output of a command.
fn words(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn job_is_submitted_listed_fetched_and_deleted_by_commands() {
    let site = Site::new();
    site.write("a", b"a");
    let socket = format!("unix:{}", site.path().join("socket").display());
    let mut command = site.command();
    command.args(["--token-per-run", "--listen", &socket]);
    let server = site.serve_with(command);

    // The address and the token of the run come from the data folder.
    let operations = said(&site, &["operations"]);
    let mut lines = operations.lines();
    let head = lines.next().expect("a line").split_whitespace();
    assert!(head.eq(["NAME", "TITLE"]), "{operations}");
    let listed = lines.map(|line| line.split_once(' ').expect("two columns"));
    let listed: Vec<_> = listed.map(|(name, title)| (name, title.trim())).collect();
    // The JSON output is the server's JSON.
    let json: Value = serde_json::from_str(&said(&site, &["operations", "--json"])).expect("JSON");
    let known = json["operations"].as_array().expect("a list").iter();
    let known = known.map(|one| (one["name"].as_str(), one["title"].as_str()));
    assert!(
        known.eq(listed
            .iter()
            .map(|(name, title)| (Some(*name), Some(*title)))),
        "{json}"
    );
    assert!(listed.len() >= 6 && listed.is_sorted(), "{operations}");
    let id = said(&site, &["submit", "zip", "path=/docs/a", "level=1"]);
    let id = id.split_whitespace().last().expect("an id").to_owned();
    said(&site, &["wait", "-q", &id]);
    let status = said(&site, &["status", &id]);
    assert!(
        status.starts_with("ID ") && status.contains("succeeded  100%"),
        "{status}"
    );
    let job: Value = serde_json::from_str(&said(&site, &["status", "--json", &id])).expect("JSON");
    assert_eq!(job["params"]["level"], 1, "{job}");
    let file = site.path().join("result.zip");
    let path = file.to_str().expect("text");
    said(&site, &["get", "-q", &id, "-o", path]);
    let piped = cloakroom(&site, &["get", "-q", &id, "-o", "-"]).stdout;
    assert_eq!(std::fs::read(&file).expect("a file"), piped);
    assert_eq!(job["output"]["size"], piped.len());

    let again = said(&site, &["retry", &id]);
    let again = again.trim();
    said(&site, &["wait", "-q", again]);
    let jobs = said(&site, &["jobs", "--status", "succeeded", "--limit", "1"]);
    assert!(jobs.contains(again) && !jobs.contains(&id), "{jobs}");
    // The same idempotency key creates no second job.
    let submit = ["submit", "zip", "path=/docs/a", "--idempotency-key", "k"];
    assert_eq!(said(&site, &submit), said(&site, &submit));

    assert_eq!(code(&site, &["cancel", &id]), Some(1), "it has ended");
    said(&site, &["delete", &id]);
    for command in ["status", "wait", "get", "log", "cancel", "retry", "delete"] {
        let none = code(&site, &[command, &id]);
        assert_eq!(none, Some(1), "{command}: there is no such job");
    }
    assert_eq!(code(&site, &["status", "../../healthz"]), Some(2));
    let failed = said(&site, &["submit", "zip", "path=/docs/missing"]);
    assert_eq!(code(&site, &["wait", "-q", failed.trim()]), Some(1));
    assert_eq!(code(&site, &["get", "-q", failed.trim()]), Some(1));
    assert_eq!(code(&site, &["submit", "zip", "path=/nowhere"]), Some(2));
    assert_eq!(code(&site, &["submit", "nothing"]), Some(2));

    // With an address, with and without a token.
    let announced = std::fs::read(site.data().join("server.json")).expect("a file");
    let announced: Value = serde_json::from_slice(&announced).expect("JSON");
    let token = announced["token"].as_str().expect("a token");
    for url in [
        socket.as_str(),
        announced["urls"][0].as_str().expect("a URL"),
    ] {
        said(&site, &["jobs", "--url", url, "--token", token]);
        assert_eq!(code(&site, &["jobs", "--url", url]), Some(1), "{url}");
    }
    assert_eq!(code(&site, &["jobs", "--url", "ftp://x"]), Some(2));
    server.stop();
    assert_eq!(code(&site, &["jobs"]), Some(1), "the server has stopped");
}

#[test]
fn local_file_is_uploaded() {
    let site = Site::new();
    let server = site.serve_example();
    let document = site.path().join("a \"document\"");
    std::fs::write(&document, vec![b'x'; 200_000]).expect("a file");
    let url = format!("http://{}", server.address());
    let input = format!("document={}", document.display());
    let id = said(&site, &["submit", "--url", &url, "digest", "-i", &input]);
    said(&site, &["wait", "-q", "--url", &url, id.trim()]);
    let digest = said(&site, &["get", "-q", "--url", &url, id.trim(), "-o", "-"]);
    assert!(!digest.is_empty());
    let missing = [
        "submit",
        "--url",
        &url,
        "digest",
        "-i",
        "document=/nonexistent",
    ];
    assert_eq!(code(&site, &missing), Some(2));
    server.kill();
}
