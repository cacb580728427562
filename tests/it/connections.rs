//! More connections than the limit: health is still answered, and idle connections are closed. Clients that close their
//! sending side while they wait.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use serde_json::json;

use crate::harness::{Server, Site, TEST_TIMEOUT, wait_for};

const SLOW: &str = "[operations.slow]\ncommand = ['sleep', '300']\n";

/// A server with this limit of connections, and the id of a job that does not end.
fn crowded(site: &Site, connections: usize) -> (Server, String) {
    let server = site.serve_configured(&format!("{SLOW}[limits]\nconnections = {connections}\n"));
    let job = server
        .client()
        .post("/v1/operations/slow", &json!({}), 202)
        .json();
    let id = job["id"].as_str().expect("an id").to_owned();
    (server, id)
}

fn connect(server: &Server, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    stream.write_all(request.as_bytes()).expect("it is sent");
    stream
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")
}

/// Reads the head of a reply and what came with it.
fn some(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 4096];
    let read = stream.read(&mut buffer).expect("a reply");
    String::from_utf8_lossy(&buffer[..read]).into_owned()
}

fn rest(mut stream: impl Read) -> String {
    let mut bytes = Vec::new();
    // A reset counts as an end.
    let _ = stream.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until every connection has a request in progress.
fn all_at_work(server: &Server) {
    wait_for("503 for one more", || {
        let reply = server.client().try_ask("GET", "/v1/operations", &[], b"");
        (reply.expect("a reply").status == 503).then_some(())
    });
}

#[test]
fn health_is_answered_when_all_connections_are_busy() {
    let site = Site::new();
    let (server, id) = crowded(&site, 6);
    let upload = "POST /v1/operations/zip HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99\r\n\
                  content-type: application/json\r\n\r\n{";
    let busy: Vec<_> = [
        get(&format!("/v1/jobs/{id}?wait=50s")),
        get(&format!("/v1/jobs/{id}/events")),
        get(&format!("/v1/jobs/{id}/log?follow")),
        get(&format!("/v1/downloads/{id}?wait=50s")),
        get("/v1/events"),
        upload.to_owned(),
    ]
    .iter()
    .map(|request| connect(&server, request))
    .collect();
    all_at_work(&server);
    let client = server.client();
    let reply = client.get("/v1/operations", 503);
    assert_eq!(reply.json()["code"], "too_many_connections");
    assert_eq!(reply.header("retry-after"), "1");
    assert_eq!(reply.header("connection"), "close");
    client.get("/healthz", 200);
    client.get("/readyz", 200);
    // Many more silent connections than the limit change nothing.
    let silent: Vec<_> = (0..300).map(|_| connect(&server, "")).collect();
    for _ in 0..20 {
        let reply = rest(connect(&server, &get("/healthz")));
        assert!(reply.starts_with("HTTP/1.1 200 "), "{reply:?}");
        assert!(reply.contains("connection: close"), "{reply:?}");
    }
    let reply = rest(connect(&server, "OPTIONS / HTTP/1.0\r\n\r\n"));
    assert!(reply.starts_with("HTTP/1.0 204 "), "{reply:?}");
    drop(silent);
    // Busy connections are still served.
    drop(busy);
    wait_for("a place", || {
        let reply = client.try_ask("GET", "/v1/operations", &[], b"").ok()?;
        (reply.status == 200).then_some(())
    });
    server.stop();
}

#[test]
fn longest_idle_connection_is_closed_at_the_limit() {
    let site = Site::new();
    let (server, id) = crowded(&site, 4);
    let poll = connect(&server, &get(&format!("/v1/jobs/{id}?wait=50s")));
    let mut idle: Vec<_> = (0..3)
        .map(|_| {
            let mut stream = connect(&server, &get("/healthz"));
            assert!(some(&mut stream).starts_with("HTTP/1.1 200 "));
            stream
        })
        .collect();
    let mut next = connect(&server, &get("/v1/operations"));
    assert!(some(&mut next).starts_with("HTTP/1.1 200 "));
    assert_eq!(rest(&mut idle.remove(0)), "", "the oldest was closed");
    for stream in &mut idle {
        stream
            .write_all(get("/v1/jobs").as_bytes())
            .expect("it is sent");
        assert!(
            some(stream).starts_with("HTTP/1.1 200 "),
            "the others were not"
        );
    }
    drop(poll);
    server.stop();
}

#[test]
fn half_closed_long_poll_is_answered_and_closable() {
    let site = Site::new();
    let (server, id) = crowded(&site, 4);
    let poll = |wait: &str| {
        let stream = connect(&server, &get(&format!("/v1/jobs/{id}?wait={wait}")));
        stream.shutdown(Shutdown::Write).expect("it is open");
        stream
    };
    let reply = rest(poll("1s"));
    assert!(
        reply.starts_with("HTTP/1.1 200 ") && reply.contains("running"),
        "{reply}"
    );
    let old = "GET /v1/jobs?wait=1s HTTP/1.0\r\nhost: localhost\r\n\r\n";
    let stream = connect(&server, old);
    stream.shutdown(Shutdown::Write).expect("it is open");
    assert!(rest(stream).contains(" 200 "));
    // Clients that may be gone make no others wait.
    let polls: Vec<_> = (0..8).map(|_| poll("50s")).collect();
    wait_for("a place", || {
        let reply = server
            .client()
            .try_ask("GET", "/v1/operations", &[], b"")
            .ok()?;
        (reply.status == 200).then_some(())
    });
    drop(polls);
    server.stop();
}

#[test]
fn half_closed_long_poll_is_answered_through_a_unix_socket() {
    let site = Site::new();
    let path = site.path().join("socket");
    let mut command = site.command();
    command
        .arg("--listen")
        .arg(format!("unix:{}", path.display()));
    let server = site.serve_with(command);
    site.write("a", b"a");
    let id = server.client().zip("/docs/a");
    let mut stream = UnixStream::connect(&path).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let request = get(&format!("/v1/jobs/{id}?wait=20s"));
    stream.write_all(request.as_bytes()).expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("it is open");
    assert!(rest(stream).contains("succeeded"));
    server.stop();
}

#[test]
fn health_checks_in_http_1_0_need_no_host() {
    let site = Site::new();
    for has_token in [false, true] {
        if has_token {
            site.token("anna", &[]);
        }
        let server = site.serve();
        let check = |request: &str, status: u16| {
            let reply = rest(connect(&server, &format!("{request}\r\n\r\n")));
            assert!(
                reply.contains(&format!(" {status} ")),
                "{request}: {reply:?}"
            );
        };
        for (method, status) in [("GET", 200), ("HEAD", 200), ("OPTIONS", 204)] {
            check(&format!("{method} /healthz HTTP/1.0"), status);
            check(&format!("{method} /readyz HTTP/1.0"), status);
        }
        check("OPTIONS / HTTP/1.0", 204);
        check("OPTIONS * HTTP/1.0", 204);
        check(
            "OPTIONS * HTTP/1.1\r\nhost: localhost\r\nconnection: close",
            204,
        );
        check("GET /v1/jobs HTTP/1.0", 400);
        check("GET / HTTP/1.0", 400);
        check("GET /healthz HTTP/1.0\r\nhost: a\r\nhost: b", 400);
        check("GET /healthz HTTP/1.1\r\nconnection: close", 400);
        check("GET http://evil.test/healthz HTTP/1.0", 400);
        server.stop();
    }
}
