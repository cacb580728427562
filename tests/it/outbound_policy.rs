//! Which addresses jobs may call: private ones only for local programs, even if tokens change afterwards.

use serde_json::{Value, json};

use crate::harness::{Client, Server, Site, wait_for};
use crate::origin::{Origin, reply};

const SLOW: &str = "[operations.slow]\ncommand = ['sh', '-c', 'while [ ! -e \"$SIGN\" ]; do sleep 0.01; done']\n\
                    env = ['PATH', 'SIGN']\n";

fn headers(token: &str) -> [(&str, &str); 2] {
    [
        ("authorization", token),
        ("content-type", "application/json"),
    ]
}

/// Submits a job with a token; returns its id.
fn submit(client: &Client, token: &str, path: &str, params: &Value) -> String {
    let body = params.to_string();
    let reply = client.ask("POST", path, &headers(token), body.as_bytes(), 202);
    reply.json()["id"].as_str().expect("an id").to_owned()
}

/// Waits until the job, read with a token, meets a condition.
fn once(client: &Client, token: &str, id: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    wait_for("the job", || {
        let job = client.ask("GET", &format!("/v1/jobs/{id}"), &headers(token), b"", 200);
        Some(job.json()).filter(&is_so)
    })
}

fn has_ended(job: &Value) -> bool {
    job["finishedAt"] != Value::Null
}

fn is_called_back(job: &Value) -> bool {
    job["callback"]["state"] != "pending"
}

/// The URL of the same server by a name, which is checked when it is called and not before.
fn by_name(origin: &Origin) -> String {
    format!("http://localhost:{}/", origin.address().port())
}

fn configured(site: &Site, settings: &str) -> Server {
    let file = site.path().join("settings.toml");
    std::fs::write(&file, settings).expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(file);
    command.env("SIGN", site.path().join("sign"));
    site.serve_with(command)
}

#[test]
fn jobs_of_token_holders_call_public_addresses_only() {
    let origin = Origin::saying(reply("200 OK", "", b"secret"));
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let root = site.token("root", &["--admin"]);
    let server = configured(&site, SLOW);
    let client = server.client();
    let refused = |path: &str, params: Value| {
        let body = params.to_string();
        let reply = client.ask("POST", path, &headers(&anna), body.as_bytes(), 422);
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(
            text.contains("loopback") && text.contains("[callbacks] allow"),
            "{text}"
        );
    };
    refused("/v1/operations/fetch", json!({ "uri": origin.url("/") }));
    let callback = format!("/v1/operations/slow?callback={}", origin.url("/"));
    refused(&callback, json!({}));
    // The job resolves the name.
    let id = submit(
        &client,
        &anna,
        "/v1/operations/fetch",
        &json!({ "uri": by_name(&origin) }),
    );
    let job = once(&client, &anna, &id, has_ended);
    assert_eq!(job["error"]["code"], "fetch_failed", "{job}");
    let again = client.ask(
        "POST",
        &format!("/v1/jobs/{id}/retry"),
        &headers(&root),
        b"",
        202,
    );
    let again = again.json()["id"].as_str().expect("an id").to_owned();
    let job = once(&client, &root, &again, has_ended);
    assert_eq!(job["error"]["code"], "fetch_failed", "{job}");
    // The job keeps its policy when tokens are turned off before it ends, even after a restart.
    let callback = format!("/v1/operations/slow?callback={}", by_name(&origin));
    let id = submit(&client, &anna, &callback, &json!({}));
    once(&client, &anna, &id, |job| job["status"] == "running");
    server.stop();
    let mut off = std::process::Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    off.args(["token", "off", "--data"]).arg(site.data());
    assert!(off.status().expect("it runs").success());
    std::fs::write(site.path().join("sign"), b"").expect("a sign");
    let server = configured(&site, SLOW);
    let local = server.client().post(&callback, &json!({}), 202).json();
    let local = local["id"].as_str().expect("an id").to_owned();
    let job = once(&server.client(), "none", &local, is_called_back);
    assert_eq!(job["callback"]["state"], "delivered", "{job}");
    assert_eq!(origin.asked().len(), 1, "for the local job");
    server.stop();
    let site_token = site.token("anna", &[]);
    let server = configured(&site, SLOW);
    let job = once(&server.client(), &site_token, &id, is_called_back);
    assert_eq!(job["callback"]["state"], "failed", "{job}");
    assert_eq!(origin.asked().len(), 1);
    server.stop();
}

#[test]
fn jobs_of_local_programs_keep_their_policy_when_tokens_are_added() {
    let origin = Origin::saying(reply("200 OK", "", b""));
    let site = Site::new();
    let server = configured(&site, SLOW);
    let client = server.client();
    let callback = format!("/v1/operations/slow?callback={}", origin.url("/"));
    let id = client.post(&callback, &json!({}), 202).json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let root = site.token("root", &["--admin"]);
    client.ask("GET", "/v1/jobs", &headers(&root), b"", 200);
    std::fs::write(site.path().join("sign"), b"").expect("a sign");
    let job = once(&client, &root, &id, is_called_back);
    assert_eq!(job["callback"]["state"], "delivered", "{job}");
    server.stop();
}

#[test]
fn allowed_hosts_are_called_for_token_holders_too() {
    let origin = Origin::saying(reply("200 OK", "", b"public"));
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let server = configured(&site, "[callbacks]\nallow = ['127.0.0.1']\n");
    let client = server.client();
    let id = submit(
        &client,
        &anna,
        "/v1/operations/fetch",
        &json!({ "uri": origin.url("/") }),
    );
    let job = once(&client, &anna, &id, has_ended);
    assert_eq!(job["status"], "succeeded", "{job}");
    server.stop();
}

#[test]
fn token_of_the_run_is_local() {
    let origin = Origin::saying(reply("200 OK", "", b"local"));
    let site = Site::new();
    let mut command = site.command();
    command.arg("--token-per-run");
    let server = site.serve_with(command);
    let client = server.client();
    let announced = std::fs::read_to_string(site.data().join("server.json")).expect("a file");
    let announced: Value = serde_json::from_str(&announced).expect("JSON");
    let token = format!("Bearer {}", announced["token"].as_str().expect("a token"));
    let id = submit(
        &client,
        &token,
        "/v1/operations/fetch",
        &json!({ "uri": origin.url("/") }),
    );
    let job = once(&client, &token, &id, has_ended);
    assert_eq!(job["status"], "succeeded", "{job}");
    let [show, json] = headers(&token);
    let headers = [show, json, ("x-forwarded-for", "203.0.113.1")];
    let reply = client.ask("POST", "/v1/operations/fetch", &headers, b"{}", 403);
    assert_eq!(reply.json()["code"], "token_required_behind_proxy");
    server.stop();
}

#[test]
fn proxied_requests_need_a_token_on_every_route() {
    let site = Site::new();
    let server = configured(
        &site,
        &format!(
            "{SLOW}[[route]]\noperation = 'slow'\nsubmit = '/x'\nstatus = '/x/{{id}}'\nresult = '/x/{{id}}/r'\n"
        ),
    );
    let client = server.client();
    for (method, path) in [
        ("POST", "/v1/operations/fetch"),
        ("GET", "/v1/jobs"),
        ("POST", "/x"),
        ("GET", "/x/1"),
        ("GET", "/rest/folders"),
        ("GET", "/drive/root"),
        ("POST", "/drive/root/children"),
        ("POST", "/api/xml-data-compare/v1/compare"),
        ("POST", "/api/xmlmerge/v1/types/concurrent"),
        ("GET", "/monitor/x"),
        ("GET", "/"),
        ("POST", "/session"),
        ("GET", "/nothing"),
    ] {
        for header in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x-real-ip",
            "via",
        ] {
            let reply = client.try_ask(method, path, &[(header, "203.0.113.1")], b"");
            let reply = reply.expect("a reply");
            assert_eq!(reply.status, 403, "{method} {path} {header}: {reply:?}");
        }
    }
    server.stop();
}
