//! Endless and oversized forms.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::{MULTIPART, URL_ENCODED, field, form, serve, submit};
use crate::harness::{Server, Site, TEST_TIMEOUT};

/// Sends an endless form; returns the reply and the number of bytes sent before it.
fn endless(server: &Server, path: &str, start: &str, unit: &str) -> (String, usize) {
    const MOST: usize = 8 << 20;
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let (name, value) = MULTIPART;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\n{name}: {value}\r\ncontent-length: {}\r\n\r\n",
        1_u64 << 40
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream.write_all(start.as_bytes()).expect("it is sent");
    let mut sender = stream.try_clone().expect("a second handle");
    let unit = unit.as_bytes().to_vec();
    let sending = std::thread::spawn(move || {
        let mut sent = 0;
        // Ends when the server closes the connection.
        while sent < MOST && sender.write_all(&unit).is_ok() {
            sent += unit.len();
        }
        sent
    });
    let mut line = String::new();
    BufReader::new(stream)
        .read_line(&mut line)
        .expect("an answer");
    (line, sending.join().expect("it was sent"))
}

#[test]
fn endless_form_is_rejected_early() {
    let site = Site::new();
    let server = serve(&site);
    let part = "--b\r\nContent-Disposition: form-data; name=\"source\"; filename=\"";
    let (show, compare) = ("/v1/operations/show", "/api/xml-data-compare/v1/compare");
    let merge = "/api/xmlmerge/v1/types/concurrent";
    let filler = "x".repeat(1000);
    for path in [show, compare, merge] {
        for (start, unit) in [
            ("--b\r\nX-Pad: ", filler.as_str()),
            (part, &filler),
            ("--b\r\nContent-Disposition: form-data; name=\"", &filler),
            ("--b\r\nContent-Type: text/", &filler),
            ("--b\r\n", &format!("X: {filler}\r\n")),
            // Another boundary than the header's.
            ("--other\r\n\r\n", &filler),
            ("--b--\r\n", &filler),
        ] {
            let (answer, sent) = endless(&server, path, start, unit);
            assert!(
                answer.starts_with("HTTP/1.1 400 "),
                "{path} {start:?}: {answer}"
            );
            assert!(sent < 8 << 20, "{path} {start:?}: {sent} bytes were taken");
        }
    }
    server.stop();
    site.check_tables();
}

#[test]
fn parts_of_a_form_have_limits() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let file = |name: &str| format!("{}; filename=\"{name}\"", field("source"));
    let check = |headers: &str, status: u16| {
        let reply = submit(client, "show", &form(&[(headers.as_bytes(), b"x")]), status).json();
        assert!(
            status == 202 || reply["code"] == "malformed_form",
            "{reply}"
        );
        assert!(
            reply.to_string().len() < 4000,
            "it is not sent back: {reply}"
        );
    };
    check(&file(&"x".repeat(1024)), 202);
    check(&file(&"x".repeat(1025)), 400);
    check(
        &format!("{}\r\ncontent-type: text/{}", file("a"), "x".repeat(250)),
        202,
    );
    check(
        &format!("{}\r\ncontent-type: text/{}", file("a"), "x".repeat(251)),
        400,
    );
    check(
        &format!(
            "{}\r\ncontent-type: text/xml; charset={}",
            file("a"),
            "x".repeat(256)
        ),
        400,
    );
    check(&format!("{}{}", file("a"), "\r\nx: y".repeat(31)), 202);
    check(&format!("{}{}", file("a"), "\r\nx: y".repeat(32)), 400);
    check(&field(&"x".repeat(257)), 400);
    server.stop();
}

#[test]
fn part_names_count_towards_the_form_limit() {
    let site = Site::new();
    let server = site.serve_configured("[limits]\nparams-bytes = \"4 KiB\"\n");
    let name = field(&"x".repeat(250));
    let parts = vec![(name.as_bytes(), &b""[..]); 17];
    let reply = submit(server.client(), "zip", &form(&parts), 413).json();
    assert_eq!(reply["code"], "params_too_large");
    server.stop();
}

#[test]
fn urlencoded_fields_have_limits() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let path = "/v1/operations/zip";
    let many = "path=x&".repeat(10_001);
    let reply = client
        .ask("POST", path, &[URL_ENCODED], many.as_bytes(), 400)
        .json();
    assert_eq!(reply["code"], "malformed_form");
    let many = "path=x&".repeat(1001);
    client.ask("POST", &format!("{path}?{many}"), &[], b"", 400);
    let long = format!("/v1/operations/show?source={}", "x".repeat(9000));
    client.ask("POST", &long, &[], b"", 422);
    let media_type = format!("text/{}", "x".repeat(300));
    let reply = client.ask(
        "POST",
        "/v1/operations/show",
        &[("content-type", &media_type)],
        b"x",
        415,
    );
    assert_eq!(reply.json()["code"], "unsupported_media_type");
    server.stop();
}

#[test]
fn listed_errors_are_bounded() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let path = "/v1/operations/zip";
    let names: Vec<_> = (0..50_000)
        .map(|number| format!("\"{number}\":1"))
        .collect();
    let json = [("content-type", "application/json")];
    let body = format!("{{{}}}", names.join(","));
    let reply = client.ask("POST", path, &json, body.as_bytes(), 422).json();
    assert_eq!(reply["errors"].as_array().map(Vec::len), Some(100));
    let detail = reply["detail"].as_str().expect("a detail");
    assert!(detail.contains("first 100"), "{detail}");
    let body = format!("{{\"{}\":1}}", "x".repeat(1 << 19));
    let reply = client.ask("POST", path, &json, body.as_bytes(), 422);
    assert!(reply.body.len() < 2000, "{} bytes", reply.body.len());
    let long = format!("/v1/jobs/{}?wait={}", client.zip("/docs"), "x".repeat(9000));
    let reply = client.get(&long, 422);
    assert!(reply.body.len() < 5000, "{} bytes", reply.body.len());
    server.stop();
}
