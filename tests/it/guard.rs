//! Whom a server without tokens refuses.

use serde_json::json;

use crate::harness::{Client, Site};

/// Bytes as they are; gives the status.
fn raw(client: &Client, request: &str) -> u16 {
    client
        .raw(request.as_bytes(), false)
        .expect("a reply")
        .status
}

#[test]
fn a_strangers_page_creates_no_job() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let body = json!({ "path": "/docs/a" }).to_string();
    let submit = |headers: &[(&str, &str)], status, code: &str| {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let problem = client
            .ask(
                "POST",
                "/v1/operations/zip",
                &headers,
                body.as_bytes(),
                status,
            )
            .json();
        assert_eq!(problem["code"], code, "{headers:?}");
    };
    submit(&[("sec-fetch-site", "cross-site")], 403, "cross_site");
    submit(&[("origin", "http://evil.test")], 403, "cross_site");
    submit(&[("origin", "null")], 403, "cross_site");
    submit(&[("host", "evil.test")], 421, "wrong_host");
    submit(
        &[("x-forwarded-for", "1.2.3.4")],
        403,
        "token_required_behind_proxy",
    );
    // A form of an old browser, which sends neither header but cannot send JSON either.
    client.ask(
        "POST",
        "/v1/operations/zip",
        &[("content-type", "text/plain")],
        body.as_bytes(),
        415,
    );
    // None of them has made a job: the first one is number 1.
    assert_eq!(
        client
            .post("/v1/operations/zip", &json!({ "path": "/docs/a" }), 202)
            .json()["seq"],
        1
    );
    server.stop();
}

#[test]
fn a_request_names_one_host() {
    let site = Site::new();
    let mut command = site.command();
    command.args(["--host", "cloak.example"]);
    let server = site.serve_with(command);
    let client = server.client();
    assert_eq!(raw(&client, "GET /healthz HTTP/1.1\r\n\r\n"), 400);
    assert_eq!(
        raw(
            &client,
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"
        ),
        400
    );
    assert_eq!(
        raw(
            &client,
            "GET http://evil.test/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ),
        400
    );
    assert_eq!(
        raw(
            &client,
            "GET /healthz HTTP/1.1\r\nHost: localhost:1/\r\n\r\n"
        ),
        400
    );
    assert_eq!(
        raw(&client, "GET /healthz HTTP/1.1\r\nHost: evil.test\r\n\r\n"),
        421
    );
    assert_eq!(
        raw(
            &client,
            "GET /healthz HTTP/1.1\r\nHost: Cloak.Example:80\r\n\r\n"
        ),
        200
    );
    assert_eq!(
        raw(
            &client,
            "GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        ),
        200
    );
    server.stop();
}

#[test]
fn beyond_loopback_a_server_needs_tokens() {
    let site = Site::new();
    let mut command = site.command();
    command.args(["--listen", "0.0.0.0:0"]);
    let output = command.output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("--insecure-no-token"), "{message}");
    assert!(!site.data().exists(), "nothing was touched");
}
