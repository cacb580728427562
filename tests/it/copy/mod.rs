//! Copies over HTTP.

mod conflict;
mod crash;
mod full;
mod race;
mod special;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Client, Gate, Site};
use crate::zip::files_below;

/// Submits a copy; returns its id.
fn submit(client: &Client, params: &Value) -> String {
    let accepted = client.post("/v1/operations/copy", params, 202).json();
    accepted["id"].as_str().expect("an id").to_owned()
}

/// Runs a copy; returns the finished job.
fn copy_ended(client: &Client, params: &Value) -> Value {
    client.ended(&submit(client, params))
}

/// Runs a copy that must succeed; returns its report.
fn copied(client: &Client, params: &Value) -> Value {
    let job = copy_ended(client, params);
    assert_eq!(job["status"], "succeeded", "{params}: {job}");
    report(client, &job)
}

/// The report of a successful copy.
fn report(client: &Client, job: &Value) -> Value {
    let id = job["id"].as_str().expect("an id");
    let reply = client.get(&format!("/v1/downloads/{id}"), 200);
    assert_eq!(reply.header("content-type"), "application/json");
    reply.json()
}

/// Runs a copy that must fail; returns its error.
fn refused(client: &Client, params: &Value) -> (String, String) {
    let job = copy_ended(client, params);
    assert_eq!(job["status"], "failed", "{params}: {job}");
    let text = |name: &str| job["error"][name].as_str().expect("a text").to_owned();
    (text("code"), text("message"))
}

/// The sorted names in a folder.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

/// Asserts that two trees have the same files.
fn assert_same(one: &Path, other: &Path) {
    assert!(files_below(one, "x") == files_below(other, "x"));
}

#[test]
fn folder_is_copied_and_reported() {
    let site = Site::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (name, bytes) in files_below(&sources, "sources") {
        site.write(&name, &bytes);
    }
    site.write("sources/empty", b"");
    fs::create_dir_all(site.docs().join("sources/hollow/deep")).expect("folders");
    let server = site.serve();
    let client = server.client();
    let params = json!({ "from": "/docs/sources", "to": "/docs/copy" });
    let job = copy_ended(&client, &params);
    assert_eq!(
        (&job["status"], &job["phase"], &job["percentComplete"]),
        (&json!("succeeded"), &json!("Copied"), &json!(100.0)),
        "{job}"
    );
    let files = files_below(&site.docs().join("sources"), "x");
    let bytes: usize = files.values().map(Vec::len).sum();
    let report = report(&client, &job);
    assert_eq!(report["path"], "/docs/copy", "{report}");
    assert_eq!(report["files"], files.len(), "{report}");
    assert_eq!(report["bytes"], bytes, "{report}");
    assert_eq!(report["resumed"], 0, "{report}");
    assert_same(&site.docs().join("sources"), &site.docs().join("copy"));
    assert!(site.docs().join("copy/hollow/deep").is_dir());
    assert_eq!(names(&site.docs()), ["copy", "sources"]);
    server.stop();
}

#[test]
fn file_is_copied_with_its_metadata() {
    let site = Site::new();
    let bytes = crate::harness::incompressible(3_000_001);
    site.write("a/long", &bytes);
    let server = site.serve();
    let report = copied(
        &server.client(),
        &json!({ "from": "/docs/a/long", "to": "/docs/short" }),
    );
    assert_eq!(
        (
            &report["path"],
            &report["files"],
            &report["folders"],
            &report["bytes"]
        ),
        (
            &json!("/docs/short"),
            &json!(1),
            &json!(0),
            &json!(bytes.len())
        ),
        "{report}"
    );
    assert!(fs::read(site.docs().join("short")).expect("a file") == bytes);
    server.stop();
}

#[test]
fn invalid_copy_params_are_422() {
    let site = Site::new();
    site.write("a/b/c", b"c");
    let closed = site.path().join("closed");
    fs::create_dir(&closed).expect("a folder");
    let mut command = site.command();
    command
        .arg("--root")
        .arg(format!("closed={}:ro", closed.display()));
    let server = site.serve_with(command);
    let check = |params: Value, pointer: &str, words: &str| {
        let reply = server.client().post("/v1/operations/copy", &params, 422);
        let error = reply.json()["errors"][0].clone();
        assert_eq!(error["pointer"], pointer, "{params}: {error}");
        let detail = error["detail"].as_str().expect("a detail");
        assert!(detail.contains(words), "{params}: {detail}");
    };
    let from_to = |from: &str, to: &str| json!({ "from": from, "to": to });
    check(
        from_to("/docs/a", "/closed/a"),
        "#/to",
        "/closed (read-only)",
    );
    check(
        from_to("/docs/a", "/etc/a"),
        "#/to",
        "available roots: /docs",
    );
    check(
        from_to("/etc/passwd", "/docs/x"),
        "#/from",
        "available roots: /docs",
    );
    check(from_to("/docs/a", "/docs"), "#/to", "is a root");
    check(from_to("/docs/a", "/docs/a/b/x"), "#/to", "into itself");
    check(from_to("/docs", "/docs/x"), "#/to", "into itself");
    check(from_to("/docs/a", "/docs/../x"), "#/to", "'..'");
    check(
        json!({ "from": "/docs/a", "to": "/docs/x", "conflict": "ask" }),
        "#/conflict",
        "ask",
    );
    for to in ["/docs/a/b", "/docs/a"] {
        let params = json!({ "from": "/docs/a/b", "to": to, "conflict": "replace" });
        check(params, "#/to", "is or contains");
    }
    // What a link hides is found when the job runs.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("a/b", site.docs().join("alias")).expect("a link");
        let (code, message) = refused(&server.client(), &from_to("/docs/a", "/docs/alias/x"));
        assert_eq!(code, "into_itself", "{message}");
    }
    let client = server.client();
    let (code, message) = refused(&client, &from_to("/docs/a", "/docs/nowhere/x"));
    assert_eq!(code, "target_not_found", "{message}");
    let (code, message) = refused(&client, &from_to("/docs/nothing", "/docs/x"));
    assert_eq!(code, "source_not_found", "{message}");
    assert_eq!(names(&site.docs().join("a/b")), ["c"]);
    server.stop();
}

#[test]
fn canceled_copy_leaves_nothing_and_reports_its_progress() {
    let site = Site::new();
    fs::create_dir(site.docs().join("a")).expect("a folder");
    for number in 0..200 {
        site.write(&format!("a/{number}"), b"x");
    }
    let gate = Gate::new(&site);
    let mut command = site.command();
    command.env("CLOAKROOM_FAULT", gate.at("copied-file:100"));
    let server = site.serve_with(command);
    let client = server.client();
    let id = submit(&client, &json!({ "from": "/docs/a", "to": "/docs/b" }));
    let held = gate.reached();
    client.post(&format!("/v1/jobs/{id}/cancel"), &json!({}), 202);
    drop(held);
    let job = client.ended(&id);
    assert_eq!(job["status"], "canceled", "{job}");
    let phase = job["phase"].as_str().expect("a phase");
    assert!(
        phase.starts_with("Canceled after copying ")
            && phase.ends_with("the partial copy was removed"),
        "{phase}"
    );
    assert_eq!(names(&site.docs()), ["a"]);
    server.stop();
}
