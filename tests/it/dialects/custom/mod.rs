//! Custom paths and field names.

mod access;
mod conflicts;
mod exchange;

use serde_json::{Value, json};

use super::ask;
use crate::harness::{Client, Site, wait_for};
use crate::origin::Origin;

/// Every name differs from the default.
const ARCHIVE: &str = r#"
[[route]]
operation = "zip"
submit = "/archives/"
status = "/archives/{id}"
result = "/archives/{id}.zip"
words = { status = "state", queued = "waiting", running = "busy", succeeded = "ready", failed = "broken", canceled = "stopped", result = "href", error = "why", percent = "done" }
"#;

fn zip(client: Client, path: &str) -> String {
    let reply = ask(client, "POST", "/archives", &[], &json!({ "path": path }));
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.header("location").to_owned()
}

/// Polls the status path until it has this state; returns the JSON.
fn state(client: Client, path: &str, word: &str) -> Value {
    wait_for(word, || {
        let job = client.get(path, 200).json();
        (job["state"] == word).then_some(job)
    })
}

#[test]
fn states_have_the_configured_names() {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 1 << 33);
    let server = site.serve_configured(&format!("workers = 1\n{ARCHIVE}"));
    let client = server.client();
    let (running, waiting) = (zip(client, "/docs/long"), zip(client, "/docs/a"));
    assert_eq!([&*running, &*waiting], ["/archives/1", "/archives/2"]);
    let busy = wait_for("some progress", || {
        let job = state(client, &running, "busy");
        job["done"].is_number().then_some(job)
    });
    let percent = busy["done"].as_f64().expect("a number");
    assert!((0.0..100.0).contains(&percent), "{busy}");
    assert_eq!(busy, json!({ "state": "busy", "done": percent }));
    let queued = client.get(&waiting, 200).json();
    assert_eq!(queued, json!({ "state": "waiting", "done": null }));

    // Canceled through the native API, by its native id.
    let jobs = client.get("/v1/jobs", 200).json();
    let id = jobs["jobs"][1]["id"].as_str().expect("an id").to_owned();
    let last = client.canceled(&id)["percentComplete"].clone();
    let stopped = client.get(&running, 200).json();
    assert_eq!(stopped, json!({ "state": "stopped", "done": last }));
    let none = client.get("/archives/1.zip", 404).json();
    assert_eq!(none["code"], "no_result");

    let ready = state(client, &waiting, "ready");
    let expected = json!({ "state": "ready", "done": 100.0, "href": "/archives/2.zip" });
    assert_eq!(ready, expected);
    assert!(client.get("/archives/2.zip", 200).body.starts_with(b"PK"));
    let failing = zip(client, "/docs/missing");
    let broken = state(client, &failing, "broken");
    let why = broken["why"].as_str().expect("a sentence");
    assert!(why.contains("/docs/missing"), "{why}");
    let expected = json!({ "state": "broken", "done": broken["done"], "why": why });
    assert_eq!(broken, expected);
    server.stop();
}

#[test]
fn only_jobs_of_the_operation_are_found() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured(ARCHIVE);
    let client = server.client();
    let id = client.zip("/docs/a");
    client.ended(&id);
    assert_eq!(client.get("/archives/1", 200).json()["state"], "ready");
    let copy = json!({ "from": "/docs/a", "to": "/docs/b" });
    let copied = client.post("/v1/operations/copy", &copy, 202).json();
    client.ended(copied["id"].as_str().expect("an id"));
    for nothing in [
        "/archives/2",
        "/archives/2.zip",
        "/archives/3",
        "/archives/01",
        "/archives/0",
        "/archives/x",
        "/archives/99999999999999999999",
        "/archives/1.tar",
    ] {
        let problem = client.get(nothing, 404);
        assert_eq!(problem.header("content-type"), "application/problem+json");
        assert_eq!(problem.json()["code"], "not_found", "{nothing}");
    }
    client.ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", 200);
    client.get("/archives/1", 404);
    client.get("/archives/1.zip", 404);

    let bad = client.post("/archives", &json!({ "path": "/docs/a", "colour": 1 }), 422);
    assert_eq!(bad.json()["errors"][0]["pointer"], "#/colour");
    client.post("/archives?keep=maybe", &json!({ "path": "/docs/a" }), 422);
    server.stop();
}

#[test]
fn submission_accepts_job_options() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured(ARCHIVE);
    let client = server.client();
    let receiver = Origin::saying(crate::origin::reply("204 No Content", "", b""));
    let path = format!("/archives?keep=false&callback={}", receiver.url("/done"));
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
        // This job does not wait, so the answer is a ticket.
        ("prefer", "wait=10"),
    ];
    let body = br#"{"path":"/docs/a"}"#;
    let first = client.ask("POST", &path, &headers, body, 202);
    let again = client.ask("POST", &path, &headers, body, 202);
    assert_eq!(first.header("location"), "/archives/1");
    assert_eq!(again.header("location"), "/archives/1");
    state(client, "/archives/1", "ready");
    // The error uses the client's name of the field.
    wait_for("the callback", || {
        (!receiver.asked().is_empty()).then_some(())
    });
    assert_eq!(receiver.asked()[0].path, "/done?jobId=1");
    client.get("/archives/1.zip", 200);
    let gone = wait_for("its end", || {
        let reply = client.get("/archives/1", 200).json();
        reply["href"].is_null().then_some(reply)
    });
    assert_eq!(gone, json!({ "state": "ready", "done": 100.0 }));
    client.get("/archives/1.zip", 404);
    server.stop();
}

#[test]
fn custom_paths_allow_their_methods_and_are_described() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured(ARCHIVE);
    let client = server.client();
    state(client, &zip(client, "/docs/a"), "ready");
    let description = client.get("/openapi.json", 200).json();
    for (path, template, allowed) in [
        ("/archives", "/archives", "POST, OPTIONS"),
        ("/archives/1/", "/archives/{id}", "GET, HEAD, OPTIONS"),
        (
            "/archives/1.zip",
            "/archives/{id}.zip",
            "GET, HEAD, OPTIONS",
        ),
    ] {
        let options = ask(client, "OPTIONS", path, &[], &Value::Null);
        assert_eq!((options.status, options.header("allow")), (204, allowed));
        let described = &description["paths"][template];
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let is_allowed = allowed.contains(method);
            assert_eq!(
                described[method.to_ascii_lowercase()].is_object(),
                is_allowed
            );
            if !is_allowed {
                let refused = client.ask(method, path, &[], b"", 405);
                assert_eq!(refused.header("allow"), allowed, "{method} {path}");
            }
        }
        if allowed.starts_with("GET") {
            let get = client.get(path, 200);
            let head = client.ask("HEAD", path, &[], b"", 200);
            assert_eq!(head.header("content-length"), get.body.len().to_string());
        }
    }
    let status = &description["paths"]["/archives/{id}"]["get"]["responses"]["200"];
    let schema = &status["content"]["application/json"]["schema"];
    let words = json!(["waiting", "busy", "ready", "broken", "stopped"]);
    assert_eq!(schema["properties"]["state"]["enum"], words);
    assert_eq!(schema["required"], json!(["state", "done"]));
    server.stop();
}
