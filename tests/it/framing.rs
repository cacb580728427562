//! Unusual framing, byte by byte. Each request is followed by another one, which must not be smuggled.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use serde_json::json;

use crate::harness::{Server, Site, TEST_TIMEOUT};

/// Sent after each request; answered at most once, and never as a part of that request.
const MARKER: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

fn post(headers: &str, body: &str) -> String {
    let head =
        "POST /v1/operations/zip HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    format!("{head}{headers}\r\n{body}")
}

#[test]
fn ambiguous_framing_smuggles_no_request() {
    let site = Site::new();
    let server = site.serve();
    let chunked = "Transfer-Encoding: chunked\r\n";
    // A request, and the allowed statuses of the first reply.
    let table: Vec<(String, &[u16])> = vec![
        (post("Content-Length: 2\r\n", "{}"), &[422]),
        (
            post("Content-Length: 2\r\nContent-Length: 2\r\n", "{}"),
            &[400, 422],
        ),
        (
            post("Content-Length: 2\r\nContent-Length: 9\r\n", "{}"),
            &[400],
        ),
        (post("Content-Length: 2, 2\r\n", "{}"), &[400]),
        (post("Content-Length: +2\r\n", "{}"), &[400]),
        (post("Content-Length: -2\r\n", "{}"), &[400]),
        (post("Content-Length: 0x2\r\n", "{}"), &[400]),
        (
            post("Content-Length: 99999999999999999999\r\n", "{}"),
            &[400, 413],
        ),
        (post("Content-Length : 2\r\n", "{}"), &[400]),
        (
            post(
                &format!("{chunked}Content-Length: 9\r\n"),
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            &[400, 422],
        ),
        (
            post(
                &format!("Content-Length: 9\r\n{chunked}"),
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            &[400, 422],
        ),
        (post(chunked, "2\r\n{}\r\n0\r\n\r\n"), &[422]),
        (post(chunked, "2;a=b\r\n{}\r\n0\r\n\r\n"), &[400, 422]),
        (
            post(
                chunked,
                &format!("2;{}\r\n{{}}\r\n0\r\n\r\n", "a".repeat(1 << 20)),
            ),
            &[400, 422],
        ),
        (
            post(chunked, "2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n"),
            &[400, 422],
        ),
        (post(chunked, "g\r\n{}\r\n0\r\n\r\n"), &[400]),
        (post(chunked, "-2\r\n{}\r\n0\r\n\r\n"), &[400]),
        (
            post(chunked, "ffffffffffffffffff\r\n{}\r\n0\r\n\r\n"),
            &[400],
        ),
        (post(chunked, "2\r\n{}0\r\n\r\n"), &[400]),
        (
            post(
                "Transfer-Encoding: gzip, chunked\r\n",
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            &[501],
        ),
        (
            post(
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            &[501],
        ),
        (
            post(
                "Transfer-Encoding: chunked, chunked\r\n",
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            &[400, 501],
        ),
        (
            post("Transfer-Encoding: Chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            &[422],
        ),
        (post("Transfer-Encoding: identity\r\n", ""), &[400, 422]),
        (
            post("Transfer-Encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            &[400],
        ),
        (
            post(
                "Transfer-Encoding: chunked, identity\r\n",
                "2\r\n{}\r\n0\r\n\r\n",
            ),
            &[400],
        ),
        (
            post("Transfer-Encoding : chunked\r\n", "2\r\n{}\r\n0\r\n\r\n"),
            &[400],
        ),
        (
            post("X: a\r\n b\r\nContent-Length: 2\r\n", "{}"),
            &[400, 422],
        ),
        (post("X: a\0b\r\nContent-Length: 2\r\n", "{}"), &[400]),
        (post("X: a\rb\r\nContent-Length: 2\r\n", "{}"), &[400]),
        (
            post("Expect: 100-continue\r\nContent-Length: 2\r\n", "{}"),
            &[100, 422],
        ),
        (
            post("Expect: nothing\r\nContent-Length: 2\r\n", "{}"),
            &[417, 422],
        ),
        (
            "GET /healthz HTTP/1.1\nHost: localhost\n\n".into(),
            &[200, 400],
        ),
        ("GET /healthz HTTP/1.1\r\n\r\n".into(), &[400]),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n".into(),
            &[400],
        ),
        (
            "GET http://evil.test/ HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
            &[400],
        ),
        (
            "GET  /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".into(),
            &[400],
        ),
        (
            "GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n".into(),
            &[400, 505],
        ),
        ("GET /healthz\r\n\r\n".into(), &[400]),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".into(), &[400, 505]),
        ("\0\u{1}\u{2}\r\n\r\n".into(), &[400]),
        (
            format!(
                "GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "a".repeat(1 << 20)
            ),
            &[400, 414, 431],
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
                "a".repeat(1 << 20)
            ),
            &[400, 431],
        ),
        (
            format!(
                "GET / HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
                "X: y\r\n".repeat(1000)
            ),
            &[400, 431],
        ),
    ];
    for (request, expected) in table {
        let shown: String = request.chars().take(200).collect();
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .expect("a socket");
        // The server may close the connection before all of it is sent.
        let _ = stream.write_all(format!("{request}{MARKER}").as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = stream.read(&mut buffer) {
            bytes.extend_from_slice(&buffer[..read]);
        }
        let said = String::from_utf8_lossy(&bytes).into_owned();
        let statuses: Vec<u16> = said
            .split("HTTP/1.1 ")
            .skip(1)
            .map(|reply| reply[..3].parse().expect("a status"))
            .collect();
        // If unread bytes were left, the reply may be lost in the reset.
        if let Some(first) = statuses.first() {
            assert!(expected.contains(first), "{shown:?}: {said}");
        }
        assert!(
            statuses
                .iter()
                .all(|status| *status < 500 || matches!(status, 501 | 505)),
            "{shown:?}: {said}"
        );
        let healthy = usize::from(request.starts_with("GET /healthz"));
        assert!(
            said.matches("{\"status\":\"ok\"}").count() <= 1 + healthy,
            "{shown:?}: {said}"
        );
    }
    server.stop();
}

/// Sends these pieces; returns what the server sends until it closes.
fn exchange(server: &Server, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    for piece in pieces {
        // The server may close the connection before all of it is sent.
        let _ = stream.write_all(piece);
    }
    let mut said = Vec::new();
    // Unread bytes cause a reset after the reply.
    let _ = stream.read_to_end(&mut said);
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn body_in_chunks_of_one_byte_is_accepted() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let body = format!("{{\"path\":\"/docs/a\"{}}}", " ".repeat(100_000));
    let chunk = |c: char| ['1', '\r', '\n', c, '\r', '\n'];
    let chunks: String = body.chars().flat_map(chunk).collect();
    let request = post(
        "Transfer-Encoding: chunked\r\nConnection: close\r\n",
        &format!("{chunks}0\r\n\r\n"),
    );
    let said = exchange(&server, &[request.as_bytes()]);
    assert!(said.starts_with("HTTP/1.1 202 "), "{said}");
    server.stop();
}

#[test]
fn too_long_body_with_expect_continue_is_413_before_it_is_sent() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let expecting = |length: u64| {
        let headers = "Expect: 100-continue\r\nConnection: close\r\n";
        post(&format!("{headers}Content-Length: {length}\r\n"), "")
    };
    // No byte of the body follows.
    let said = exchange(&server, &[expecting(2 << 20).as_bytes()]);
    assert!(said.starts_with("HTTP/1.1 413 "), "{said}");
    let body = br#"{"path":"/docs/a"}"#;
    let said = exchange(&server, &[expecting(18).as_bytes(), body]);
    let (go_on, reply) = said.split_once("\r\n\r\n").expect("two heads");
    assert_eq!(go_on, "HTTP/1.1 100 Continue");
    assert!(reply.starts_with("HTTP/1.1 202 "), "{said}");
    server.stop();
}

#[test]
fn truncated_body_creates_no_job() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    // Complete as far as JSON is concerned.
    let cut = post("Content-Length: 1000\r\n", r#"{"path":"/docs/a"}"#);
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    stream.write_all(cut.as_bytes()).expect("it is sent");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let mut said = String::new();
    stream.read_to_string(&mut said).expect("an end");
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 400 "),
        "{said}"
    );
    let jobs = server.client().get("/v1/jobs", 200).json();
    assert_eq!(jobs["jobs"], json!([]));
    server.stop();
}
