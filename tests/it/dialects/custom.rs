//! Addresses and words of an operator's own.

use std::collections::HashMap;
use std::fs::OpenOptions;

use serde_json::{Value, json};

use super::ask;
use crate::config::check_refused;
use crate::harness::{Client, Reply, Site, wait_for};
use crate::origin::Origin;
use crate::trees::make_fifo;

/// The route that the exchange below is with.
const REPORT: &str = r#"
[[route]]
operation = "report"
submit = "/start-report"
status = "/report-status/{id}"
result = "/reports/report-{id}.pdf"

[route.words]
queued = "in_progress"
running = "in_progress"
succeeded = "completed"
result = "download_link"
"#;

/// Every word is another than usual.
const ARCHIVE: &str = r#"
[[route]]
operation = "zip"
submit = "/archives/"
status = "/archives/{id}"
result = "/archives/{id}.zip"
words = { status = "state", queued = "waiting", running = "busy", succeeded = "ready", failed = "broken", canceled = "stopped", result = "href", error = "why", percent = "done" }
"#;

/// What was answered, all of it but the time.
fn whole(reply: &Reply) -> (u16, HashMap<&str, &str>, &str) {
    let headers = reply.headers.iter();
    let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
    let body = str::from_utf8(&reply.body).expect("text");
    (
        reply.status,
        headers.filter(|(name, _)| *name != "date").collect(),
        body,
    )
}

fn zip(client: Client, path: &str) -> String {
    let reply = ask(client, "POST", "/archives", &[], &json!({ "path": path }));
    assert_eq!(reply.status, 202, "{reply:?}");
    reply.header("location").to_owned()
}

/// What is at the address of a state, once it says that word.
fn state(client: Client, path: &str, word: &str) -> Value {
    wait_for(word, || {
        let job = client.get(path, 200).json();
        (job["state"] == word).then_some(job)
    })
}

#[test]
fn a_report_is_started_looked_at_twice_and_downloaded() {
    let site = Site::new();
    let gate = site.path().join("gate");
    make_fifo(&gate);
    let settings = format!(
        "[operations.report]\n\
         command = ['sh', '-c', 'cat \"$0\"; printf \"%%PDF %s\" \"$1\"', '{}', '{{month}}']\n\
         output = {{ media-type = 'application/pdf', filename = 'report.pdf' }}\n\
         params.month = {{ type = 'string' }}\n{REPORT}",
        gate.display()
    );
    let server = site.serve_configured(&settings);
    let client = server.client();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let started = client.ask("POST", "/start-report", &form, b"month=2016-02", 202);
    let common = [("connection", "close"), ("cache-control", "no-store")];
    let expected = [
        ("location", "/report-status/1"),
        ("retry-after", "1"),
        ("content-length", "0"),
    ];
    let headers: HashMap<_, _> = common.into_iter().chain(expected).collect();
    assert_eq!(whole(&started), (202, headers, ""));

    let status = "/report-status/1";
    let running = client.get(status, 200);
    let json = ("content-type", "application/json");
    let expected = [json, ("retry-after", "1"), ("content-length", "24")];
    let headers: HashMap<_, _> = common.into_iter().chain(expected).collect();
    let body = r#"{"status":"in_progress"}"#;
    assert_eq!(whole(&running), (200, headers, body));
    let early = client.get("/reports/report-1.pdf", 404);
    assert_eq!(early.json()["code"], "result_not_ready");
    assert_eq!(early.header("retry-after"), "1");

    // Whoever opens it waits until the report does, too.
    drop(OpenOptions::new().write(true).open(&gate).expect("a gate"));
    let done = wait_for("the report", || {
        let reply = client.get(status, 200);
        (reply.body != running.body).then_some(reply)
    });
    let expected = [json, ("content-length", "62")];
    let headers: HashMap<_, _> = common.into_iter().chain(expected).collect();
    let body = r#"{"status":"completed","download_link":"/reports/report-1.pdf"}"#;
    assert_eq!(whole(&done), (200, headers, body));
    let report = client.get("/reports/report-1.pdf", 200);
    assert_eq!(report.body, b"%PDF 2016-02");
    assert_eq!(report.header("content-type"), "application/pdf");
    let name = "attachment; filename=\"report.pdf\"; filename*=UTF-8''report.pdf";
    assert_eq!(report.header("content-disposition"), name);
    let range = [("range", "bytes=1-3")];
    let part = client.ask("GET", "/reports/report-1.pdf", &range, b"", 206);
    assert_eq!(part.body, b"PDF");
    // It is an ordinary job, too.
    let jobs = client.get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"][0]["params"], json!({ "month": "2016-02" }));
    server.stop();
}

#[test]
fn every_state_is_told_in_the_operators_words() {
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

    // Stopped on the native API, by the id that it has there.
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
fn jobs_of_the_operation_are_there_and_no_others() {
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
fn a_submission_has_its_options_there_too() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured(ARCHIVE);
    let client = server.client();
    let receiver = Origin::saying(crate::origin::reply("204 No Content", "", b""));
    let path = format!("/archives?keep=false&callback={}", receiver.url("/done"));
    let headers = [
        ("content-type", "application/json"),
        ("idempotency-key", "k"),
        // Nobody waits here: the answer is a ticket.
        ("prefer", "wait=10"),
    ];
    let body = br#"{"path":"/docs/a"}"#;
    let first = client.ask("POST", &path, &headers, body, 202);
    let again = client.ask("POST", &path, &headers, body, 202);
    assert_eq!(first.header("location"), "/archives/1");
    assert_eq!(again.header("location"), "/archives/1");
    state(client, "/archives/1", "ready");
    // It is told of by the name that its client knows.
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
fn every_address_takes_its_methods_and_is_described() {
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

#[test]
fn strangers_are_kept_out_as_everywhere() {
    let site = Site::new();
    site.write("a", b"a");
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    let server = site.serve_configured(ARCHIVE);
    let client = server.client();
    let body = br#"{"path":"/docs/a"}"#;
    let submit = |path: &str, extra: &[(&str, &str)], status| {
        let headers = [&[("content-type", "application/json")], extra].concat();
        client.ask("POST", path, &headers, body, status)
    };
    let anna = ("authorization", &*anna);
    let ben = ("authorization", &*ben);
    let cross = ("sec-fetch-site", "cross-site");
    submit("/archives", &[], 401);
    submit("/archives", &[anna, cross], 403);
    submit("/archives", &[anna, ("sec-purpose", "prefetch")], 403);
    submit("/archives", &[anna, ("origin", "http://evil.test")], 403);
    // None of them has made a job.
    let location = submit("/archives", &[anna], 202);
    assert_eq!(location.header("location"), "/archives/1");
    submit("/archives?keep=false", &[anna], 202);
    for path in ["/archives/1", "/archives/2"] {
        wait_for("the archive", || {
            let job = client.ask("GET", path, &[anna], b"", 200).json();
            (job["state"] == "ready").then_some(())
        });
        let result = format!("{path}.zip");
        for path in [path, &result] {
            client.get(path, 401);
            client.ask("GET", path, &[ben], b"", 404);
            client.ask("GET", path, &[anna, cross], b"", 403);
        }
    }
    // A link anywhere may lead to a result, unless that ends it.
    let led = [anna, cross, ("sec-fetch-mode", "navigate")];
    client.ask("GET", "/archives/1.zip", &led, b"", 200);
    client.ask("GET", "/archives/2.zip", &led, b"", 403);
    client.ask("GET", "/archives/1", &led, b"", 403);
    client.ask("GET", "/archives/2.zip", &[anna], b"", 200);
    server.stop();

    let site = Site::new();
    let server = site.serve_configured(ARCHIVE);
    let evil = [("host", "evil.test")];
    server.client().ask("POST", "/archives", &evil, b"", 421);
    server.stop();
}

#[test]
fn behind_a_proxy_links_begin_with_its_path() {
    let site = Site::new();
    site.write("a", b"a");
    let token = site.token("anna", &[]);
    let settings = format!("public-url = 'https://a.example/jobs'\n{ARCHIVE}");
    let server = site.serve_configured(&settings);
    let client = server.client();
    let headers = [
        ("authorization", &*token),
        ("content-type", "application/json"),
    ];
    let begun = client.ask("POST", "/archives", &headers, br#"{"path":"/docs/a"}"#, 202);
    assert_eq!(begun.header("location"), "/jobs/archives/1");
    let done = wait_for("the archive", || {
        let job = client.ask("GET", "/archives/1", &headers, b"", 200).json();
        (job["state"] == "ready").then_some(job)
    });
    assert_eq!(done["href"], "/jobs/archives/1.zip");
    server.stop();
}

#[test]
fn what_is_not_asked_for_is_not_there() {
    let site = Site::new();
    // Not even what is wrong with it matters.
    let settings = format!("dialects = 'driveonweb'\n{ARCHIVE}{ARCHIVE}");
    let server = site.serve_configured(&settings);
    let client = server.client();
    client.post("/archives", &json!({ "path": "/docs/a" }), 404);
    let description = client.get("/openapi.json", 200).json();
    assert_eq!(description["paths"]["/archives"], Value::Null);
    server.stop();
}

#[test]
fn a_clash_is_told_with_its_line_before_anything_starts() {
    let site = Site::new();
    let route = |operation: &str, submit: &str, status: &str, result: &str| {
        format!(
            "[[route]]\noperation = '{operation}'\nsubmit = '{submit}'\nstatus = '{status}'\nresult = '{result}'\n"
        )
    };
    let fine = route("zip", "/a", "/a/{id}", "/r/{id}");
    let cases = [
        (
            fine.clone() + &route("copy", "/b", "/b/{id}", "/r/{id}"),
            "cloakroom.toml:10: [[route]]: result = \"/r/{id}\" clashes with result = \"/r/{id}\" of the route of \"zip\"",
        ),
        (
            route("zip", "/a", "/v1/jobs/{id}", "/r/{id}"),
            "cloakroom.toml:4: [[route]]: status = \"/v1/jobs/{id}\" clashes with an address of Cloakroom's own",
        ),
        (
            route("zip", "/rest/folders", "/a/{id}", "/r/{id}"),
            "cloakroom.toml:3: [[route]]: submit = \"/rest/folders\" clashes with an address of the dialect \"driveonweb\"",
        ),
        (
            route("zap", "/a", "/a/{id}", "/r/{id}"),
            "cloakroom.toml:2: [[route]]: there is no operation \"zap\"",
        ),
        (
            fine.clone() + "words = { status = 's', percent = 's' }\n",
            "cloakroom.toml:6: [[route]]: \"s\" would be two members of the same object",
        ),
        ("route = 1".to_owned(), "cloakroom.toml:1: "),
    ];
    for (text, said) in cases {
        check_refused(&mut site.configured(&text), &[said]);
    }
    // A start says the same, and touches nothing.
    let twice = fine.clone() + &fine;
    let output = site.configured(&twice).output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(":8: [[route]]: submit = \"/a\" clashes"),
        "{said}"
    );
    assert!(!site.path().join("cloakroom-data").exists());
    // A flag can make way.
    let drive = route("zip", "/rest/folders", "/a/{id}", "/r/{id}");
    let mut command = site.configured(&drive);
    let output = command
        .args(["--check-config", "--dialects", "custom"])
        .output();
    assert!(output.expect("it ends").status.success());
}
