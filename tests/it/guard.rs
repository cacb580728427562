//! Requests that a server without tokens rejects.

use serde_json::json;

use crate::harness::{Client, Site};

/// Sends raw bytes; returns the status.
fn raw(client: &Client, request: &str) -> u16 {
    client
        .raw(request.as_bytes(), false)
        .expect("a reply")
        .status
}

#[test]
fn cross_origin_page_creates_no_job() {
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
    // None of them has created a job: this one is number 1.
    assert_eq!(
        client
            .post("/v1/operations/zip", &json!({ "path": "/docs/a" }), 202)
            .json()["seq"],
        1
    );
    server.stop();
}

#[test]
fn request_needs_exactly_one_known_host() {
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
fn listening_beyond_loopback_needs_tokens() {
    let site = Site::new();
    let mut command = site.command();
    command.args(["--listen", "0.0.0.0:0"]);
    let output = command.output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("--insecure-no-token"), "{message}");
    assert!(!site.data().exists(), "nothing was touched");
}

#[test]
fn cors_headers_are_sent_to_allowed_origins_only() {
    let site = Site::new();
    site.write("a", b"a");
    let anna = site.token("anna", &[]);
    let mut command = site.command();
    command.args(["--allow-origin", "https://friend.example"]);
    command.args(["--allow-origin", "null"]);
    command.args(["--allow-origin", "tauri://localhost"]);
    command.args(["--allow-origin", "app://."]);
    let server = site.serve_with(command);
    let client = server.client();
    let cross = ("sec-fetch-site", "cross-site");
    let preflight = |origin: &str, status| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,prefer"),
            cross,
        ];
        client.ask("OPTIONS", "/v1/operations/zip", &headers, b"", status)
    };
    // Browsers send no token with a preflight.
    for origin in [
        "https://friend.example",
        "null",
        "tauri://localhost",
        "app://.",
    ] {
        let reply = preflight(origin, 204);
        assert_eq!(reply.header("access-control-allow-origin"), origin);
        let methods = reply.header("access-control-allow-methods");
        assert!(methods.contains("POST"), "{methods}");
        let headers = reply.header("access-control-allow-headers");
        for name in ["authorization", "prefer", "idempotency-key", "content-type"] {
            assert!(headers.contains(name), "{headers}");
        }
        assert!(
            !reply
                .headers
                .contains_key("access-control-allow-credentials")
        );
    }
    for origin in [
        "https://evil.example",
        "http://friend.example",
        "*",
        "https://friend.example.evil",
        "tauri://localhost:1",
        "tauri://evil",
        "app://..",
        "http://tauri.localhost",
    ] {
        let reply = preflight(origin, 403);
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
    }
    // Other requests need a token, even from allowed origins.
    let friend = ("origin", "https://friend.example");
    let reply = client.ask("GET", "/v1/jobs", &[friend, cross], b"", 401);
    assert_eq!(reply.header("access-control-allow-origin"), friend.1);
    client.ask("OPTIONS", "/v1/jobs", &[], b"", 401);
    let headers = [
        friend,
        cross,
        ("authorization", &*anna),
        ("content-type", "application/json"),
    ];
    let body = json!({ "path": "/docs/a" }).to_string();
    let path = "/v1/operations/zip";
    let reply = client.ask("POST", path, &headers, body.as_bytes(), 202);
    assert_eq!(reply.header("access-control-allow-origin"), friend.1);
    let exposed = reply.header("access-control-expose-headers");
    for name in [
        "location",
        "operation-location",
        "retry-after",
        "etag",
        "link",
        "preference-applied",
        "content-disposition",
        "content-range",
        "repr-digest",
        "x-request-id",
    ] {
        assert!(exposed.contains(name), "{exposed}");
    }
    server.stop();

    // Without tokens, requests of unknown origins are rejected; without the flag, no CORS headers are sent.
    let site = Site::new();
    let mut command = site.command();
    let output = command.args(["--allow-origin", "null"]).output();
    assert_eq!(output.expect("it ends").status.code(), Some(2));
    let server = site.serve();
    let headers = [friend, ("access-control-request-method", "POST")];
    let reply = server.client().ask("OPTIONS", path, &headers, b"", 403);
    assert!(!reply.headers.contains_key("access-control-allow-origin"));
    assert!(!reply.headers.contains_key("vary"));
    server.stop();
}

#[test]
fn prefetch_starts_no_job() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let headers = [
        ("sec-purpose", "prefetch;prerender"),
        ("content-type", "application/json"),
    ];
    let body = json!({ "path": "/docs/a" }).to_string();
    let path = "/v1/operations/zip";
    let reply = client.ask("POST", path, &headers, body.as_bytes(), 403);
    assert_eq!(reply.json()["code"], "prefetch");
    client.ask("GET", "/v1/jobs", &headers, b"", 200);
    assert_eq!(client.get("/v1/jobs", 200).json()["jobs"], json!([]));
    server.stop();
}

#[test]
fn public_url_requires_tokens_and_prefixes_links() {
    let site = Site::new();
    site.write("a", b"a");
    let public = ["--public-url", "https://cloak.example/jobs"];
    let mut command = site.command();
    let output = command.args(public).output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("cloakroom token add"), "{message}");

    let mut command = site.command();
    command.args(public).arg("--insecure-no-token");
    let server = site.serve_with(command);
    let client = server.client();
    let headers = [
        ("host", "cloak.example"),
        ("origin", "https://cloak.example"),
    ];
    let body = json!({ "path": "/docs/a" }).to_string();
    let headers = [&headers[..], &[("content-type", "application/json")]].concat();
    let path = "/v1/operations/zip";
    let reply = client.ask("POST", path, &headers, body.as_bytes(), 202);
    let start = "https://cloak.example/jobs/v1/jobs/";
    assert!(reply.header("location").starts_with(start));
    // Proxied requests are still rejected.
    client.ask("GET", "/v1/jobs", &[("via", "1.1 proxy")], b"", 403);
    server.stop();
}
