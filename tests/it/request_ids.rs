//! `X-Request-Id`, which each response has.

use crate::harness::{Client, Reply, Site};

fn id(reply: &Reply) -> &str {
    let id = reply.header("x-request-id");
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    assert!(
        !id.is_empty() && id.len() <= 128 && id.chars().all(is_plain),
        "{id:?}"
    );
    id
}

fn raw(client: Client, request: &str, expected: u16) -> String {
    let reply = client.raw(request.as_bytes(), false).expect("a reply");
    assert_eq!(reply.status, expected, "{request}");
    id(&reply).to_owned()
}

#[test]
fn every_response_has_an_id_of_its_own() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let mut ids = Vec::new();
    for (method, path, headers, expected) in [
        ("GET", "/", &[][..], 200),
        ("GET", "/healthz", &[], 200),
        ("HEAD", "/metrics", &[], 200),
        ("GET", "/v1/jobs", &[], 200),
        ("OPTIONS", "/v1/jobs", &[], 204),
        ("GET", "/v1/jobs/x", &[], 404),
        ("GET", "/nothing", &[], 404),
        ("DELETE", "/v1/jobs", &[], 405),
        ("GET", "/v1/jobs", &[("host", "elsewhere.example")], 421),
        (
            "POST",
            "/v1/operations/zip",
            &[("origin", "https://elsewhere.example")],
            403,
        ),
        ("POST", "/v1/operations/zip", &[], 415),
        (
            "POST",
            "/v1/operations/zip",
            &[("transfer-encoding", "gzip, chunked")],
            501,
        ),
        ("GET", "/rest/folders/99999", &[], 404),
        ("GET", "/rest/jobs/zip/99999", &[], 404),
        ("GET", "/api/xmlmerge/v1/jobs/x", &[], 404),
        ("POST", "/api/xml-data-compare/v1/compare", &[], 400),
        ("GET", "/monitor/x", &[], 404),
    ] {
        let reply = client.try_ask(method, path, headers, b"").expect("a reply");
        assert!(
            reply.status == expected || reply.status >= 400 && expected >= 400,
            "{method} {path}: {}",
            reply.status
        );
        ids.push(id(&reply).to_owned());
    }
    // Heads that never become requests.
    ids.push(raw(client, "nonsense\r\n\r\n", 400));
    ids.push(raw(
        client,
        "GET / HTTP/1.1\r\nhost: a\r\nno header\r\n\r\n",
        400,
    ));
    let long = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(1_000_000)
    );
    let reply = client.raw(long.as_bytes(), true);
    if let Ok(reply) = reply {
        assert_eq!(reply.status, 431);
        ids.push(id(&reply).to_owned());
    }
    server.stop();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn id_of_the_client_is_kept_if_it_is_plain() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let check = |sent: &str, is_kept: bool| {
        for path in ["/v1/jobs", "/v1/jobs/x", "/nothing", "/rest/folders/99999"] {
            let reply = client.try_ask("GET", path, &[("x-request-id", sent)], b"");
            assert_eq!(id(&reply.expect("a reply")) == sent, is_kept, "{sent}");
        }
    };
    check("a", true);
    check("Az09-_.", true);
    check(&"x".repeat(128), true);
    check(&"x".repeat(129), false);
    check("a b", false);
    check("a/b", false);
    check("\u{e4}", false);
    server.stop();
}

#[test]
fn slow_head_is_answered_with_an_id() {
    let site = Site::new();
    let server = site.serve_configured("[limits]\nheader-time = '100ms'\n");
    let reply = server.client().raw(b"GET / HTTP/1.1\r\n", false);
    let reply = reply.expect("a reply");
    assert_eq!(reply.status, 408);
    assert_eq!(reply.json()["code"], "request_timeout");
    id(&reply);
    server.stop();
}
