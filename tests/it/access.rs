//! Tokens: who may access which jobs, and what happens when a token is removed.

use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::harness::{Client, Reply, Site, wait_for};

fn get(client: &Client, token: &str, path: &str, status: u16) -> Reply {
    client.ask("GET", path, &[("authorization", token)], b"", status)
}

/// The sequence numbers of the listed jobs.
fn listed(client: &Client, token: &str, query: &str) -> Vec<i64> {
    let list = get(client, token, &format!("/v1/jobs{query}"), 200).json();
    let jobs = list["jobs"].as_array().expect("jobs").iter();
    jobs.map(|job| job["seq"].as_i64().expect("a number"))
        .collect()
}

fn remove(site: &Site, name: &str) -> i32 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(["token", "remove", name, "--data"]);
    let output = command.arg(site.data()).output().expect("it runs");
    output.status.code().expect("an exit code")
}

#[test]
fn requests_without_a_valid_token_are_401() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let text = anna.strip_prefix("Bearer ").expect("a scheme").to_owned();
    let mut command = site.command();
    command.env("CLOAKROOM_LOG", "trace").stderr(Stdio::from(
        std::fs::File::create(site.path().join("log")).expect("a file"),
    ));
    let server = site.serve_with(command);
    let client = server.client();
    let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
    for good in [
        anna.clone(),
        format!("bearer {text}"),
        basic(&format!("any-user:{text}")),
        basic(&format!(":{text}")),
    ] {
        get(&client, &good, "/v1/jobs", 200);
    }
    let wrong = [
        format!("Bearer {}", &text[..text.len() - 1]),
        format!("Bearer {text}x"),
        "Bearer x".to_owned(),
        "Bearer ".to_owned(),
        text.clone(),
        basic(&text),
        basic(&format!("{text}:x")),
        format!("Digest {text}"),
    ];
    for wrong in &wrong {
        let reply = get(&client, wrong, "/v1/jobs", 401);
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert_eq!(reply.json()["code"], "unauthorized");
    }
    for path in [
        "/v1/jobs",
        "/v1/nothing",
        "/v1/operations",
        "/openapi.json",
        "/metrics",
        "/v1/events",
    ] {
        client.get(path, 401);
    }
    // A token in the query or in a forged cookie does not count.
    client.get(&format!("/v1/jobs?token={text}&access_token={text}"), 401);
    let cookie = format!("cloakroom_session={text}");
    let own = ("sec-fetch-site", "same-origin");
    client.ask("GET", "/v1/jobs", &[("cookie", &cookie), own], b"", 401);
    client.ask("POST", "/v1/operations/zip", &[], b"{}", 401);
    client.ask("POST", "/session", &[], b"", 401);
    client.get("/healthz", 200);
    assert_eq!(client.get("/readyz", 200).json()["status"], "ready");
    client.get("/monitor/x", 404);
    server.stop();
    let log = std::fs::read_to_string(site.path().join("log")).expect("a log");
    let secret = text.rsplit('_').next().expect("the random part");
    assert!(!log.contains(secret), "the log shows the token");
    let file = site.data().join("tokens");
    let mode = std::fs::metadata(&file).expect("a file").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let lines = std::fs::read_to_string(file).expect("lines");
    assert!(lines.contains("anna ") && !lines.contains(secret));
}

#[test]
fn jobs_are_visible_only_to_their_token() {
    let site = Site::new();
    site.write("a", b"a");
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    let root = site.token("root", &["--admin"]);
    let server = site.serve();
    let client = server.client();
    let job = client.zip_as(&anna, "/docs/a");
    let id = job["id"].as_str().expect("an id");
    get(&client, &anna, &format!("/v1/jobs/{id}?wait=20s"), 200);
    client.zip_as(&ben, "/docs/a");

    let asks = [
        ("GET", format!("/v1/jobs/{id}")),
        ("HEAD", format!("/v1/jobs/{id}")),
        ("GET", format!("/v1/jobs/{id}?wait=1s")),
        ("GET", format!("/v1/jobs/{id}/events")),
        ("GET", format!("/v1/downloads/{id}")),
        ("GET", format!("/v1/downloads/{id}?wait=1s")),
        ("POST", format!("/v1/jobs/{id}/cancel")),
        ("POST", format!("/v1/jobs/{id}/retry")),
        ("DELETE", format!("/v1/jobs/{id}")),
    ];
    for (method, path) in &asks {
        client.ask(method, path, &[("authorization", &ben)], b"", 404);
    }
    get(&client, &root, &format!("/v1/downloads/{id}"), 200);
    get(&client, &anna, &format!("/v1/downloads/{id}"), 200);
    assert_eq!(listed(&client, &anna, ""), [1]);
    assert_eq!(listed(&client, &ben, ""), [2]);
    assert_eq!(listed(&client, &ben, "?operation=zip&limit=1"), [2]);
    assert_eq!(listed(&client, &root, ""), [2, 1]);

    // The same idempotency key with another token is another key.
    let submit = |token: &str, status| {
        let headers = [
            ("authorization", token),
            ("content-type", "application/json"),
            ("idempotency-key", "k"),
        ];
        let body = json!({ "path": "/docs/a" }).to_string();
        let path = "/v1/operations/zip";
        let reply = client.ask("POST", path, &headers, body.as_bytes(), status);
        reply.json()["seq"].clone()
    };
    assert_eq!(submit(&anna, 202), 3);
    assert_eq!(submit(&ben, 202), 4);
    assert_eq!(submit(&anna, 202), 3);
    // Jobs keep their owner over a restart.
    server.stop();
    let server = site.serve();
    let client = server.client();
    assert_eq!(listed(&client, &anna, ""), [3, 1]);
    get(&client, &ben, &format!("/v1/jobs/{id}"), 404);
    let path = format!("/v1/jobs/{id}");
    client.ask("DELETE", &path, &[("authorization", &root)], b"", 200);
    get(&client, &anna, &path, 404);
    server.stop();
}

#[test]
fn event_stream_contains_only_own_jobs() {
    let site = Site::new();
    site.write("a", b"a");
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    let server = site.serve();
    let client = server.client();
    let mut events = client.events("/v1/events", &format!("authorization: {anna}\r\n"));
    assert!(events.head.starts_with("HTTP/1.1 200"), "{}", events.head);
    // Ben's job starts and ends before Anna's starts.
    let foreign = client.zip_as(&ben, "/docs/a");
    let path = format!("/v1/jobs/{}", foreign["id"].as_str().expect("an id"));
    client.ask("DELETE", &path, &[("authorization", &ben)], b"", 200);
    let own = client.zip_as(&anna, "/docs/a");
    let (_, _, first) = events.next().expect("an event");
    assert_eq!(first["seq"], own["seq"], "{first}");
    server.stop();
}

#[test]
fn only_admins_see_the_token_of_a_job() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let open = client.zip("/docs/a");
    let anna = site.token("anna", &[]);
    let root = site.token("root", &["--admin"]);
    wait_for("the first token", || {
        let reply = client.try_ask("GET", "/v1/jobs", &[], b"");
        (reply.expect("a reply").status == 401).then_some(())
    });
    let job = client.zip_as(&anna, "/docs/a");
    assert_eq!(job.get("token"), None, "{job}");
    let path = format!("/v1/jobs/{}", job["id"].as_str().expect("an id"));
    get(&client, &anna, &format!("{path}?wait=20s"), 200);
    // In turns, so that neither form is sent from a cache of the other.
    for _ in 0..2 {
        for (token, expected) in [(&root, Some(&json!("anna"))), (&anna, None)] {
            let reply = get(&client, token, &path, 200);
            assert_eq!(reply.json().get("token"), expected, "{reply:?}");
            let etag = reply.header("etag");
            let list = get(&client, token, "/v1/jobs", 200).json();
            assert_eq!(list["jobs"][0].get("token"), expected, "{list}");
            let mut events = client.events(
                &format!("{path}/events"),
                &format!("authorization: {token}\r\n"),
            );
            let (_, _, event) = events.next().expect("an event");
            assert_eq!(event.get("token"), expected, "{event}");
            // Each reader's version is the version of both.
            for reader in [&root, &anna] {
                let headers = [("authorization", &**reader), ("if-none-match", etag)];
                let same = client.ask("GET", &path, &headers, b"", 304);
                assert_eq!(same.header("etag"), etag);
            }
        }
    }
    let open = get(&client, &root, &format!("/v1/jobs/{open}"), 200).json();
    assert_eq!(open.get("token"), None, "{open}");
    let admin = [("authorization", &*root)];
    let deleted = client.ask("DELETE", &path, &admin, b"", 200).json();
    assert_eq!(deleted["token"], "anna", "{deleted}");
    server.stop();
}

#[test]
fn removing_a_token_ends_its_sessions() {
    let site = Site::new();
    site.write("a", b"a");
    let anna = site.token("anna", &[]);
    let server = site.serve();
    let client = server.client();
    let reply = client.ask("POST", "/session", &[("authorization", &anna)], b"", 204);
    let cookie = reply.header("set-cookie");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/;", "Max-Age=43200"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert_eq!(reply.header("cache-control"), "no-store");
    let pair = cookie.split(';').next().expect("a pair").to_owned();
    let with = |site: &[(&str, &str)], status| {
        let headers = [&[("cookie", &*pair)], site].concat();
        client.ask("GET", "/v1/jobs", &headers, b"", status);
    };
    with(&[("sec-fetch-site", "same-origin")], 200);
    with(&[("sec-fetch-site", "none")], 200);
    with(&[], 401);
    with(&[("sec-fetch-site", "cross-site")], 403);
    // Using a session does not extend it.
    let own = ("sec-fetch-site", "same-origin");
    client.ask("POST", "/session", &[("cookie", &pair), own], b"", 401);

    let mut events = client.events("/v1/events", &format!("authorization: {anna}\r\n"));

    // A new token is valid at once; a removed one becomes invalid soon.
    let ben = site.token("ben", &[]);
    get(&client, &ben, "/v1/jobs", 200);
    assert_eq!(remove(&site, "anna"), 0);
    assert_eq!(remove(&site, "anna"), 1);
    wait_for("the end of the token", || {
        let reply = client.try_ask("GET", "/v1/jobs", &[("authorization", &anna)], b"");
        (reply.expect("a reply").status == 401).then_some(())
    });
    with(&[own], 401);
    // Open event streams end, even for a new job with the same token name.
    let again = site.token("anna", &["--admin"]);
    client.zip_as(&again, "/docs/a");
    assert!(events.next().is_none());
    assert_eq!(remove(&site, "anna"), 0);
    // Removing the last token does not open the server.
    assert_eq!(remove(&site, "ben"), 0);
    wait_for("the end of the last token", || {
        let reply = client.try_ask("GET", "/v1/jobs", &[("authorization", &ben)], b"");
        (reply.expect("a reply").status == 401).then_some(())
    });
    client.get("/v1/jobs", 401);
    server.stop();
}

#[test]
fn adding_the_first_token_requires_tokens_at_once() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    client.ask("POST", "/session", &[], b"", 204);
    // Without tokens, credentials are ignored.
    get(&client, "Bearer whatever", &format!("/v1/jobs/{id}"), 200);
    let anna = site.token("anna", &[]);
    let root = site.token("root", &["--admin"]);
    wait_for("the first token", || {
        let reply = client.try_ask("GET", "/v1/jobs", &[], b"");
        (reply.expect("a reply").status == 401).then_some(())
    });
    get(&client, &anna, &format!("/v1/jobs/{id}"), 404);
    get(&client, &root, &format!("/v1/jobs/{id}"), 200);
    server.stop();
}

#[test]
fn token_names_are_listed_and_invalid_names_rejected() {
    let site = Site::new();
    site.token("anna", &[]);
    site.token("root", &["--admin"]);
    let token = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command.arg("token").args(arguments).arg("--data");
        command.arg(site.data()).output().expect("it runs")
    };
    let list = token(&["list"]);
    assert_eq!(
        String::from_utf8_lossy(&list.stdout),
        "NAME  KIND   STATE  EXPIRES  LAST USED\n\
         anna  user   valid  never    unknown\n\
         root  admin  valid  never    unknown\n"
    );
    for bad in ["", "a b", "launcher", "a/b", "anna"] {
        assert_eq!(token(&["add", bad]).status.code(), Some(2), "{bad}");
    }
}

#[test]
fn disabled_token_check_is_detected() {
    let site = Site::new();
    site.token("anna", &[]);
    let mut command = site.command();
    command.env("CLOAKROOM_FAULT", "token-check-off");
    let server = site.serve_with(command);
    let jobs: Value = server.client().get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"], json!([]));
    server.stop();
}
