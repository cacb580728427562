//! Write-only params: used and kept, but never shown.

use std::process::Stdio;

use serde_json::{Value, json};

use super::{result, run};
use crate::harness::{Client, Server, Site, wait_for};
use crate::origin::{Origin, reply};

const SECRET: &str = "s3cret-value";

/// Writes what it was given to its result.
const OPERATION: &str = "[operations.c]\n\
    command = ['printf', '%s\\n', '{key}', '{password}', '{plain}', '{login}', '{token}']\n\
    params.key = { type = 'string', writeOnly = true }\n\
    params.password = { type = 'string', format = 'password', required = false, pattern = '^s' }\n\
    params.plain = { type = 'string', required = false }\n\
    params.token = { type = 'string', writeOnly = true, default = 'token-of-the-file' }\n\
    params.login = { type = 'object', required = false, additionalProperties = false, properties = { user = { type = 'string' }, pin = { type = 'string', format = 'password', maxLength = 20 } } }\n";
const ROUTE: &str =
    "\n[[route]]\noperation = 'c'\nsubmit = '/c'\nstatus = '/c/{id}'\nresult = '/c/{id}/result'\n";

fn given() -> Value {
    json!({ "key": SECRET, "password": SECRET, "plain": "shown", "login": { "user": "anna", "pin": SECRET } })
}

fn is_hidden(what: &str, shown: &[u8]) {
    let text = String::from_utf8_lossy(shown);
    assert!(!text.contains(SECRET), "{what}: {text}");
}

/// Everything that shows jobs.
fn check_views(client: Client, id: &str) {
    let job = format!("/v1/jobs/{id}");
    for path in [
        &job,
        "/v1/jobs",
        "/v1/jobs?operation=c",
        "/metrics",
        "/v1/operations",
        &format!("{job}/log"),
    ] {
        is_hidden(path, &client.get(path, 200).body);
    }
    let shown = client.get(&job, 200).json();
    let expected = json!({ "plain": "shown", "login": { "user": "anna" } });
    assert_eq!(shown["params"], expected);
    let monitor = shown["links"]["monitor"].as_str().expect("a link");
    let monitor = monitor
        .split_at(monitor.find("/monitor/").expect("a path"))
        .1;
    is_hidden(monitor, &client.ask("GET", monitor, &[], b"", 303).body);
    let mut events = client.events(&format!("{job}/events"), "");
    while let Some((_, _, data)) = events.next() {
        is_hidden("events", data.to_string().as_bytes());
    }
}

fn retried(client: Client, id: &str) -> Value {
    let path = format!("/v1/jobs/{id}/retry");
    let job = client.ask("POST", &path, &[], b"", 202);
    is_hidden("a retry", &job.body);
    client.ended(job.json()["id"].as_str().expect("an id"))
}

#[test]
fn write_only_params_are_used_and_kept_but_never_shown() {
    let site = Site::new();
    let path = site.path().join("cloakroom.toml");
    let log = site.path().join("log");
    let serve = |text: &str| -> Server {
        std::fs::write(&path, text).expect("a file");
        let mut command = site.command();
        command
            .arg("--config")
            .arg(&path)
            .env("CLOAKROOM_LOG", "trace");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(&log);
        command.stderr(Stdio::from(log.expect("a file")));
        site.serve_with(command)
    };
    let server = serve(&format!("[callbacks]\nschedule = []\n{OPERATION}{ROUTE}"));
    let client = server.client();
    let receiver = Origin::saying(reply("204 No Content", "", b""));
    let submit = format!(
        "/v1/operations/c?callback-method=POST&callback={}",
        receiver.url("/")
    );
    let job = client.post(&submit, &given(), 202);
    is_hidden("the ticket", &job.body);
    let id = job.json()["id"].as_str().expect("an id").to_owned();
    let ended = client.ended(&id);
    let expected = format!(
        "{SECRET}\n{SECRET}\nshown\n{}\ntoken-of-the-file\n",
        given()["login"]
    );
    assert_eq!(result(client, &ended), expected);
    wait_for("the callback", || {
        (!receiver.asked().is_empty()).then_some(())
    });
    is_hidden("the callback", &receiver.asked()[0].body);
    check_views(client, &id);
    let custom = client.post("/c", &given(), 202);
    is_hidden("a custom ticket", &custom.body);
    let status = custom.header("location").to_owned();
    is_hidden("a custom status", &client.get(&status, 200).body);
    let again = retried(client, &id);
    assert_eq!(result(client, &again), expected);
    check_views(client, again["id"].as_str().expect("an id"));
    server.kill();

    // The schema does not mark them any more, and then the operation is gone.
    let open = OPERATION
        .replace(", writeOnly = true", "")
        .replace("format = 'password', ", "");
    assert_ne!(open, OPERATION);
    let server = serve(&open);
    check_views(server.client(), &id);
    assert_eq!(
        result(server.client(), &retried(server.client(), &id)),
        expected
    );
    server.stop();
    let server = serve("");
    let client = server.client();
    check_views(client, &id);
    let deleted = client.ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", 200);
    is_hidden("a deleted job", &deleted.body);
    server.stop();
    is_hidden("the server's log", &std::fs::read(&log).expect("the log"));
}

#[test]
fn default_of_a_write_only_param_is_not_published() {
    let site = Site::new();
    let server = site.serve_configured(OPERATION);
    let client = server.client();
    let params = client.get("/v1/operations/c", 200).json()["params"].clone();
    let properties = &params["properties"];
    assert_eq!(
        properties["token"],
        json!({ "type": "string", "writeOnly": true })
    );
    assert_eq!(properties["password"]["writeOnly"], true);
    assert_eq!(params["required"], json!(["key"]));
    for path in ["/v1/operations", "/openapi.json"] {
        let text = String::from_utf8(client.get(path, 200).body).expect("text");
        assert!(!text.contains("token-of-the-file"), "{path}");
    }
    let job = run(client, &json!({ "key": "a" }));
    assert_eq!(result(client, &job), "a\ntoken-of-the-file\n");
    server.stop();
}

#[test]
fn validation_errors_do_not_quote_write_only_values() {
    let site = Site::new();
    let server = site.serve_configured(OPERATION);
    let client = server.client();
    let long = SECRET.repeat(3);
    let bad_uri = json!({ "type": "http", "uri": 5, "authorization": SECRET });
    for (operation, bad, pointer) in [
        ("c", json!({ "key": [SECRET] }), "#/key"),
        (
            "c",
            json!({ "key": "a", "password": format!("x{SECRET}") }),
            "#/password",
        ),
        (
            "c",
            json!({ "key": "a", "login": { "pin": long } }),
            "#/login/pin",
        ),
        ("c", json!({ "key": format!("-{SECRET}") }), "#/key"),
        ("c", json!({ "key": format!("{SECRET}\0") }), "#/key"),
        (
            "extract",
            json!({ "delta": bad_uri, "version": "A" }),
            "#/delta/uri",
        ),
    ] {
        let path = format!("/v1/operations/{operation}");
        let problem = client.post(&path, &bad, 422);
        is_hidden("the problem", &problem.body);
        let problem = problem.json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    let quoted = client.post("/v1/operations/c", &json!({ "key": "a", "plain": 7 }), 422);
    let detail = quoted.json()["errors"][0]["detail"].clone();
    assert_eq!(detail, "7 is not of type \"string\"");
    server.stop();
}

#[test]
fn authorization_of_every_document_is_hidden() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let document =
        json!({ "type": "http", "uri": "http://127.0.0.1:9/x", "authorization": SECRET });
    let mut named = document.clone();
    named["name"] = "base".into();
    let other = json!({ "name": "other", "type": "inline", "value": "<a/>" });
    let third = json!({ "name": "third", "type": "inline", "value": "<a/>" });
    for (operation, params) in [
        (
            "compare",
            json!({ "a": document, "b": { "type": "inline", "value": "<a/>" } }),
        ),
        ("merge", json!({ "versions": [other, third, named] })),
        ("extract", json!({ "delta": document, "version": "A" })),
    ] {
        let path = format!("/v1/operations/{operation}");
        let job = client.post(&path, &params, 202);
        is_hidden(operation, &job.body);
        let text = job.json()["params"].to_string();
        assert!(text.contains("127.0.0.1:9"), "{text}");
        client.ended(job.json()["id"].as_str().expect("an id"));
    }
    is_hidden("the list", &client.get("/v1/jobs", 200).body);
    server.stop();
}
