//! Metrics tokens, tokens that expire, the rotation of tokens, and when tokens were last used.

use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Site, wait_for};

fn token(site: &Site, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.arg("token").args(arguments).arg("--data");
    command.arg(site.data()).output().expect("it runs")
}

/// Runs a command that prints a token; returns the value for `Authorization`.
fn printed(site: &Site, arguments: &[&str]) -> String {
    let output = token(site, arguments);
    assert!(output.status.success(), "{output:?}");
    format!("Bearer {}", String::from_utf8_lossy(&output.stdout).trim())
}

fn listed(site: &Site) -> Value {
    let output = token(site, &["list", "--json"]);
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    list["tokens"].clone()
}

fn text(reply: &Reply) -> String {
    String::from_utf8_lossy(&reply.body).into_owned()
}

fn ask(client: &Client, method: &str, path: &str, header: &str) -> Reply {
    let reply = client.try_ask(method, path, &[("authorization", header)], b"");
    reply.expect("a reply")
}

#[test]
fn metrics_token_reads_only_the_metrics() {
    let site = Site::new();
    site.write("a", b"a");
    let admin = site.token("root", &["--admin"]);
    let metrics = site.token("prom", &["--metrics"]);
    let server = site.serve();
    let client = server.client();
    let job = client.zip_as(&admin, "/docs/a");
    let id = job["id"].as_str().expect("an id");
    let reply = ask(&client, "GET", "/metrics", &metrics);
    assert_eq!(reply.status, 200);
    assert!(text(&reply).contains("cloakroom_"), "{}", text(&reply));
    assert_eq!(ask(&client, "HEAD", "/metrics", &metrics).status, 200);
    for (method, path) in [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("POST", "/session"),
        ("GET", "/openapi.json"),
        ("GET", "/v1/operations"),
        ("POST", "/metrics"),
        ("GET", "/metrics/x"),
        ("GET", "/nothing"),
        ("GET", &format!("/v1/jobs/{id}")),
        ("DELETE", &format!("/v1/jobs/{id}")),
    ] {
        let reply = ask(&client, method, path, &metrics);
        assert_eq!(reply.status, 403, "{method} {path}: {}", text(&reply));
        let problem: Value = reply.json();
        assert_eq!(problem["code"], "not_allowed");
        assert!(text(&reply).contains("GET /metrics"), "{}", text(&reply));
    }
    assert_eq!(ask(&client, "GET", "/healthz", &metrics).status, 200);
    // A user's token still cannot read the metrics.
    let anna = site.token("anna", &[]);
    assert_eq!(ask(&client, "GET", "/metrics", &anna).status, 403);
    server.stop();
}

#[test]
fn token_list_shows_kinds_and_expiry_times() {
    let site = Site::new();
    site.token("anna", &["--expires", "2099-01-01"]);
    site.token("root", &["--admin", "--expires", "2099-01-01T12:00:00Z"]);
    site.token("prom", &["--metrics"]);
    let list = token(&site, &["list"]);
    assert_eq!(
        String::from_utf8_lossy(&list.stdout),
        "NAME  KIND     STATE  EXPIRES               LAST USED\n\
         anna  user     valid  2099-01-01T00:00:00Z  unknown\n\
         root  admin    valid  2099-01-01T12:00:00Z  unknown\n\
         prom  metrics  valid  never                 unknown\n"
    );
    assert_eq!(listed(&site)[2]["kind"], "metrics");
    assert_eq!(listed(&site)[2]["expiresAt"], Value::Null);
    for bad in [
        &["add", "x", "--admin", "--metrics"][..],
        &["add", "x", "--expires", "soon"],
        &["add", "x", "--expires", "2001-01-01"],
        &["add", "x", "--expires", "0s"],
        &["rotate", "prom", "--grace", "soon"],
        &["rotate", "prom", "--expires", "2001-01-01"],
    ] {
        let output = token(&site, bad);
        assert_eq!(output.status.code(), Some(2), "{bad:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
    }
    assert_eq!(token(&site, &["rotate", "unknown"]).status.code(), Some(1));
    // Times beyond what can be written are kept as the latest one that can.
    printed(
        &site,
        &["rotate", "prom", "--grace", "9000y", "--expires", "9000y"],
    );
    assert_eq!(listed(&site)[3]["expiresAt"], "9999-12-31T23:59:59Z");
}

#[test]
fn expired_token_is_rejected_with_a_reason() {
    let site = Site::new();
    let anna = printed(&site, &["add", "anna", "--expires", "3s"]);
    let server = site.serve();
    let client = server.client();
    assert_eq!(ask(&client, "GET", "/v1/jobs", &anna).status, 200);
    let session = client.ask("POST", "/session", &[("authorization", &anna)], b"", 204);
    let cookie = session.header("set-cookie");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let reply = wait_for("the end of the token", || {
        let reply = ask(&client, "GET", "/v1/jobs", &anna);
        (reply.status == 401).then_some(reply)
    });
    let problem: Value = reply.json();
    assert_eq!(problem["code"], "unauthorized");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("The token anna expired at 20"), "{detail}");
    let own = [("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    client.ask("GET", "/v1/jobs", &own, b"", 401);
    assert_eq!(listed(&site)[0]["state"], "expired");
    // A token that is wrong is not confused with one that has expired.
    let wrong = ask(&client, "GET", "/v1/jobs", "Bearer cloakroom_wrong");
    assert!(text(&wrong).contains("mistyped"), "{}", text(&wrong));
    assert_eq!(token(&site, &["rotate", "anna"]).status.code(), Some(2));
    let anna = printed(&site, &["rotate", "anna", "--expires", "1h"]);
    assert_eq!(ask(&client, "GET", "/v1/jobs", &anna).status, 200);
    server.stop();
}

#[test]
fn rotated_token_keeps_its_jobs_and_the_old_one_ends_after_the_grace_period() {
    let site = Site::new();
    site.write("a", b"a");
    let first = site.token("anna", &[]);
    let server = site.serve();
    let client = server.client();
    let job = client.zip_as(&first, "/docs/a");
    let id = job["id"].as_str().expect("an id");
    let job = format!("/v1/jobs/{id}");
    // By default the old token ends at once.
    let second = printed(&site, &["rotate", "anna"]);
    wait_for("the end of the first token", || {
        (ask(&client, "GET", &job, &first).status == 401).then_some(())
    });
    assert_eq!(ask(&client, "GET", &job, &second).status, 200);
    let before = SystemTime::now();
    let third = printed(&site, &["rotate", "anna", "--grace", "5s"]);
    let states = |list: &Value| json!([list[0]["state"], list[1]["state"], list[2]["state"]]);
    assert_eq!(states(&listed(&site)), json!(["replaced", "valid", null]));
    assert_eq!(ask(&client, "GET", &job, &second).status, 200);
    assert_eq!(ask(&client, "GET", &job, &third).status, 200);
    let reply = wait_for("the end of the second token", || {
        let reply = ask(&client, "GET", &job, &second);
        (reply.status == 401).then_some(reply)
    });
    assert!(before.elapsed().expect("no jump") >= Duration::from_secs(3));
    assert!(text(&reply).contains("a newer one"), "{}", text(&reply));
    assert_eq!(ask(&client, "GET", &job, &third).status, 200);
    assert_eq!(token(&site, &["remove", "anna"]).status.code(), Some(0));
    assert_eq!(listed(&site), json!([]));
    server.stop();
}

/// The times at which the tokens were last used, in the order of the list.
fn last_used(site: &Site) -> Vec<Option<SystemTime>> {
    let list = listed(site);
    let times = list.as_array().expect("a list").iter();
    let time = |token: &Value| {
        let text = token["lastUsed"].as_str()?;
        Some(humantime::parse_rfc3339(text).expect("a time"))
    };
    times.map(time).collect()
}

#[test]
fn token_list_shows_when_a_token_was_last_used() {
    let site = Site::new();
    let (anna, ben) = (site.token("anna", &[]), site.token("ben", &[]));
    site.token("root", &["--admin"]);
    let server = site.serve();
    let client = server.client();
    // Times are whole seconds, rounded down.
    let before = SystemTime::now() - Duration::from_secs(1);
    assert_eq!(ask(&client, "GET", "/v1/jobs", &anna).status, 200);
    wait_for("the first use", || last_used(&site)[0]);
    // The next minute has not come, so this use is saved by the stop.
    assert_eq!(ask(&client, "GET", "/v1/jobs", &ben).status, 200);
    ask(&client, "GET", "/v1/jobs", "Bearer cloakroom_wrong");
    server.stop();
    let used = last_used(&site);
    for time in &used[..2] {
        let time = time.expect("it was used");
        assert!(before <= time && time <= SystemTime::now(), "{used:?}");
    }
    assert_eq!(used[2], None);
    let table = token(&site, &["list"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[0].ends_with("  LAST USED"), "{table}");
    assert!(lines[1].ends_with('Z'), "{table}");
    assert!(lines[3].ends_with("  unknown"), "{table}");

    // The times are kept over a restart, and end with their token.
    let server = site.serve();
    let client = server.client();
    assert!(token(&site, &["remove", "anna"]).status.success());
    wait_for("the end of the token", || {
        (ask(&client, "GET", "/v1/jobs", &anna).status == 401).then_some(())
    });
    assert_eq!(ask(&client, "GET", "/v1/jobs", &ben).status, 200);
    server.stop();
    let again = last_used(&site);
    assert!(again.len() == 2 && again[0] >= used[1], "{again:?}");
    let file = site.data().join("tokens.used");
    let text = std::fs::read_to_string(&file).expect("the file");
    assert_eq!(text.lines().count(), 1, "{text}");

    // A damaged file only means that the times are not known.
    std::fs::write(&file, b"\xff\0 damaged").expect("it can be written");
    assert_eq!(last_used(&site), [None, None]);
    let server = site.serve();
    assert_eq!(ask(&server.client(), "GET", "/v1/jobs", &ben).status, 200);
    server.stop();
    assert!(last_used(&site)[0].is_some());
}
