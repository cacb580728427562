//! Metrics as Prometheus reads them.

#![expect(clippy::float_cmp, reason = "what is counted is whole")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use serde_json::json;

use crate::harness::{Client, Reply, Site, incompressible, wait_for};

/// Every value by its name and labels.
fn numbers(reply: &Reply) -> HashMap<String, f64> {
    let text = std::str::from_utf8(&reply.body).expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, number) = line.rsplit_once(' ').expect("a name and a number");
            (name.to_owned(), number.parse().expect("a number"))
        })
        .collect()
}

fn metrics(client: &Client) -> HashMap<String, f64> {
    numbers(&client.get("/metrics", 200))
}

/// Waits until a metric has this value.
fn becomes(client: &Client, name: &str, expected: f64) {
    wait_for(&format!("{name} {expected}"), || {
        let found = metrics(client).get(name).copied();
        (found == Some(expected)).then_some(())
    });
}

#[test]
fn jobs_are_counted_by_operation_and_outcome() {
    let site = Site::new();
    site.write("a", b"a");
    site.write_zeros("long", 4 << 30);
    let mut command = site.command();
    command.args(["--workers", "1"]);
    let server = site.serve_with(command);
    let client = server.client();
    let good = client.zip("/docs/a");
    client.ended(&good);
    client.ended(&client.zip("/docs/none"));
    let running = client.zip("/docs/long");
    let waiting = client.zip("/docs/a");
    becomes(
        &client,
        r#"cloakroom_jobs_active{operation="zip",status="running"}"#,
        1.0,
    );
    becomes(
        &client,
        r#"cloakroom_jobs_active{operation="zip",status="queued"}"#,
        1.0,
    );
    client.canceled(&waiting);
    client.ask("DELETE", &format!("/v1/jobs/{running}"), &[], b"", 200);
    // The job is gone when its attempt has stopped.
    becomes(
        &client,
        r#"cloakroom_jobs_ended_total{operation="zip",status="deleted"}"#,
        1.0,
    );
    client.post("/v1/operations/xyzzy", &json!({}), 404);

    let reply = client.get("/metrics", 200);
    let numbers = numbers(&reply);
    let check = |name: &str, expected: f64| {
        assert_eq!(numbers.get(name), Some(&expected), "{name}");
    };
    check(r#"cloakroom_jobs_submitted_total{operation="zip"}"#, 4.0);
    for status in ["succeeded", "failed", "canceled"] {
        let name = format!(r#"cloakroom_jobs_ended_total{{operation="zip",status="{status}"}}"#);
        check(&name, 1.0);
    }
    for status in ["queued", "running"] {
        let name = format!(r#"cloakroom_jobs_active{{operation="zip",status="{status}"}}"#);
        check(&name, 0.0);
    }
    // A job that never started has no waiting time, and the deleted one has no outcome.
    check(r#"cloakroom_job_wait_seconds_count{operation="zip"}"#, 3.0);
    check(
        r#"cloakroom_job_duration_seconds_count{operation="zip"}"#,
        2.0,
    );
    // Unknown operations get no label of their own.
    let text = String::from_utf8(reply.body).expect("text");
    assert!(!text.contains("xyzzy"), "{text}");
    server.stop();
}

#[test]
fn requests_are_counted_by_route_template() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    client.ended(&id);
    let before = metrics(&client);
    client.get(&format!("/v1/jobs/{id}"), 200);
    client.get("/v1/jobs/01JD3QXYZ0000000000000000A/", 404);
    client.ask("HEAD", &format!("/v1/downloads/{id}"), &[], b"", 200);
    client.get("/no/such/xyzzy?a=b", 404);
    client.ask("PURGE", "/readyz", &[], b"", 405);
    client.ask("GET", "/v1/jobs", &[("host", "unknown.test")], b"", 421);
    let reply = client.get("/metrics", 200);
    let after = numbers(&reply);
    let more = |name: &str, expected: f64| {
        let before = before.get(name).copied().unwrap_or_default();
        assert_eq!(after[name] - before, expected, "{name}");
    };
    let requests = |labels: &str| {
        format!(
            "cloakroom_http_requests_total{{{}}}",
            labels.replace('\'', "\"")
        )
    };
    for labels in [
        "route='/v1/jobs/{id}',method='GET',code='2xx'",
        "route='/v1/jobs/{id}',method='GET',code='4xx'",
        "route='/v1/downloads/{id}',method='HEAD',code='2xx'",
        "route='/v1/jobs',method='GET',code='4xx'",
        "route='other',method='GET',code='4xx'",
        "route='other',method='other',code='4xx'",
        "route='/metrics',method='GET',code='2xx'",
    ] {
        more(&requests(labels), 1.0);
    }
    // Each request came on its own connection, as this one does.
    more("cloakroom_http_connections_total", 7.0);
    let text = String::from_utf8(reply.body).expect("text");
    assert!(!text.contains(&id) && !text.contains("xyzzy"), "{text}");
    server.stop();
}

#[test]
fn open_connections_and_downloads_are_gauges() {
    let site = Site::new();
    // More than sockets buffer.
    site.write("large", &incompressible(24 << 20));
    let server = site.serve();
    let client = server.client();
    let params = json!({ "path": "/docs/large", "level": 0 });
    let job = client.post("/v1/operations/zip", &params, 202).json();
    let id = job["id"].as_str().expect("an id");
    client.ended(id);
    let mut slow = TcpStream::connect(server.address()).expect("a connection");
    let request = format!(
        "GET /v1/downloads/{id} HTTP/1.1\r\nhost: {}\r\n\r\n",
        server.address()
    );
    slow.write_all(request.as_bytes()).expect("it is sent");
    let mut first = [0; 1];
    slow.read_exact(&mut first).expect("a reply");
    let now = metrics(&client);
    assert_eq!(now["cloakroom_downloads_open"], 1.0);
    assert_eq!(now["cloakroom_http_connections_open"], 2.0);
    assert!(now["cloakroom_database_bytes"] + now["cloakroom_database_wal_bytes"] > 24e6);
    assert!(now["cloakroom_disk_free_bytes"] > 0.0);
    drop(slow);
    becomes(&client, "cloakroom_downloads_open", 0.0);
    becomes(&client, "cloakroom_http_connections_open", 1.0);
    // Freed with the job, but not returned to the file system at once.
    client.ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", 200);
    wait_for("free pages", || {
        (metrics(&client)["cloakroom_database_free_bytes"] > 0.0).then_some(())
    });
    server.stop();
}

#[test]
fn pending_callbacks_and_expired_jobs_are_counted() {
    let site = Site::new();
    site.write("a", b"a");
    std::fs::write(
        site.path().join("cloakroom.toml"),
        "[callbacks]\nschedule = [\"500ms\"]\n",
    )
    .expect("a file");
    let mut command = site.command();
    command
        .arg("--config")
        .arg(site.path().join("cloakroom.toml"));
    command.args(["--idle-timeout", "1s"]);
    let server = site.serve_with(command);
    let client = server.client();
    // No process listens there any more.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let path = format!("/v1/operations/zip?callback=http://{address}/");
    client.post(&path, &json!({ "path": "/docs/a" }), 202);
    becomes(&client, "cloakroom_callbacks_pending", 1.0);
    let attempts = |outcome| format!("cloakroom_callback_attempts_total{{outcome=\"{outcome}\"}}");
    becomes(&client, &attempts("postponed"), 1.0);
    becomes(&client, &attempts("failed"), 1.0);
    becomes(&client, "cloakroom_callbacks_pending", 0.0);
    becomes(&client, "cloakroom_jobs_expired_total", 1.0);
    server.stop();
}

#[test]
fn metrics_are_valid_prometheus_text() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let accept =
        "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    let reply = client.ask("GET", "/metrics/", &[("accept", accept)], b"", 200);
    assert_eq!(
        reply.header("content-type"),
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    assert!(reply.body.ends_with(b"\n# EOF\n"));
    let older = client.get("/metrics", 200);
    assert_eq!(
        older.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let older = String::from_utf8_lossy(&older.body).into_owned();
    assert!(older.contains("\n# TYPE cloakroom_jobs_submitted_total counter\n"));
    assert!(!older.contains("# EOF") && !older.contains("# UNIT"));
    let numbers = numbers(&reply);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        numbers[&format!("cloakroom_build_info{{version=\"{version}\"}}")],
        1.0
    );
    assert_eq!(numbers["cloakroom_ready"], 1.0);
    assert!(numbers["process_start_time_seconds"] > 1.7e9);
    assert!(numbers["process_resident_memory_bytes"] > 1e6);
    assert!(numbers["process_open_fds"] < numbers["process_max_fds"]);
    assert!(numbers["cloakroom_commit_duration_seconds_sum"] > 0.0);
    let mut histograms = 0;
    for (name, count) in &numbers {
        if let Some((name, labels)) = name.split_once("_count") {
            let labels = labels.trim_start_matches('{').trim_end_matches('}');
            let separator = if labels.is_empty() { "" } else { "," };
            let whole = format!("{name}_bucket{{le=\"+Inf\"{separator}{labels}}}");
            assert_eq!(numbers.get(&whole), Some(count), "{whole}");
            histograms += 1;
        }
    }
    assert!(histograms > 2);

    let head = client.ask("HEAD", "/metrics", &[], b"", 200);
    assert!(head.body.is_empty());
    let refused = client.ask("POST", "/metrics", &[], b"", 405);
    assert_eq!(refused.header("allow"), "GET, HEAD, OPTIONS");
    client.ask("GET", "/metrics", &[("host", "unknown.test")], b"", 421);
    let cross = [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-mode", "navigate"),
    ];
    client.ask("GET", "/metrics", &cross, b"", 403);
    server.stop();
}

#[test]
fn metrics_need_an_admin_token_when_tokens_exist() {
    let site = Site::new();
    let (anna, boss) = (site.token("anna", &[]), site.token("boss", &["--admin"]));
    let server = site.serve();
    let client = server.client();
    client.get("/metrics", 401);
    let refused = client.ask("GET", "/metrics", &[("authorization", &anna)], b"", 403);
    assert_eq!(refused.json()["code"], "not_allowed");
    let shown = client.ask("GET", "/metrics", &[("authorization", &boss)], b"", 200);
    assert!(numbers(&shown).contains_key("cloakroom_ready"));
    server.stop();
}
