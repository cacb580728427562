//! Conditional and range requests on everything that has bytes or versions (RFC 9110, sections 13 and 14).

use serde_json::json;

use crate::harness::{Client, Site};

/// A GET with header lines in Latin-1, as some clients send them; returns the status and the body.
fn get(client: Client, path: &str, headers: &[&str]) -> (u16, Vec<u8>) {
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n");
    for line in headers {
        request.push_str(line);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    let bytes: Vec<u8> = request.chars().map(|c| c as u8).collect();
    let reply = client.raw(&bytes, false).expect("a reply");
    (reply.status, reply.body)
}

#[test]
fn conditional_headers_may_have_odd_bytes_and_repeated_lines() {
    let site = Site::new();
    site.write("a", b"0123456789");
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    let job = client.ended(&id);
    let sha256 = job["output"]["sha256"].as_str().expect("a digest");
    let path = format!("/v1/downloads/{id}");
    let check = |headers: &[&str], expected: u16| {
        let headers: Vec<_> = headers.iter().map(|h| h.replace("TAG", sha256)).collect();
        let headers: Vec<_> = headers.iter().map(String::as_str).collect();
        assert_eq!(get(client, &path, &headers).0, expected, "{headers:?}");
    };
    check(&["range: bytes=3-", "if-range: \"caf\u{e9}\""], 200);
    check(&["range: bytes=3-", "if-range: \"TAG\""], 206);
    check(&["range: bytes=3-", "if-range: W/\"TAG\""], 200);
    check(
        &["range: bytes=3-", "if-range: \"TAG\"", "if-range: \"TAG\""],
        200,
    );
    check(&["range: bytes=3-", "range: bytes=5-"], 200);
    check(&["range: bytes=3-\u{e9}"], 200);
    check(&["if-match: \"caf\u{e9}\""], 412);
    check(&["if-match: \"a\"", "if-match: \"TAG\""], 200);
    check(&["if-match: W/\"TAG\""], 412);
    check(&["if-match: TAG"], 412);
    check(&["if-match: *"], 200);
    check(&["if-none-match: \"a\"", "if-none-match: \"TAG\""], 304);
    check(&["if-none-match: \"caf\u{e9}\", W/\"TAG\""], 304);
    check(&["if-none-match: \"a,TAG\""], 200);
    check(&["if-none-match: *"], 304);
    check(&["if-modified-since: Sat, 28 Nov 2099 00:00:00 GMT"], 200);
    check(&["if-unmodified-since: Thu, 01 Jan 1970 00:00:00 GMT"], 200);
    server.stop();
}

#[test]
fn file_without_etag_matches_only_any() {
    let site = Site::new();
    site.write("a", b"0123456789");
    let server = site.serve();
    let client = server.client();
    for path in [
        "/drive/root:/docs/a:/content",
        "/v1.0/drive/root:/docs/a:/content",
    ] {
        let check = |headers: &[&str], status: u16, body: &str| {
            let (found, bytes) = get(client, path, headers);
            assert_eq!(found, status, "{headers:?}");
            if status < 300 {
                assert_eq!(bytes, body.as_bytes(), "{headers:?}");
            }
        };
        check(&["range: bytes=3-"], 206, "3456789");
        check(
            &["range: bytes=3-", "if-range: \"caf\u{e9}\""],
            200,
            "0123456789",
        );
        check(&["range: bytes=3-", "range: bytes=5-"], 200, "0123456789");
        check(&["range: bytes=10-"], 416, "");
        check(&["if-match: *"], 200, "0123456789");
        check(&["if-match: \"a\""], 412, "");
        check(&["if-none-match: *"], 304, "");
        check(&["if-none-match: \"a\""], 200, "0123456789");
    }
    server.stop();
}

#[test]
fn if_none_match_any_on_a_job_is_304_without_waiting() {
    let site = Site::new();
    site.write_zeros("a", 1 << 29);
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/a");
    // The job keeps running, so only an immediate answer arrives before the client times out.
    for path in [format!("/v1/jobs/{id}"), format!("/v1/jobs/{id}?wait=55s")] {
        let begun = std::time::Instant::now();
        assert_eq!(get(client, &path, &["if-none-match: *"]).0, 304, "{path}");
        assert!(begun.elapsed().as_secs() < 40, "{path}");
    }
    let missing = "/v1/jobs/01JD3QXYZ0000000000000000A";
    assert_eq!(get(client, missing, &["if-none-match: *"]).0, 404);
    client.canceled(&id);
    let ended = client.get(&format!("/v1/jobs/{id}"), 200);
    let tag = format!("if-none-match: {}", ended.header("etag"));
    let path = format!("/v1/jobs/{id}");
    assert_eq!(
        get(client, &path, &["if-none-match: \"\u{e9}\"", &tag]).0,
        304
    );
    assert_eq!(get(client, &path, &["if-none-match: \"\u{e9}\""]).0, 200);
    assert_ne!(ended.json()["status"], json!("running"));
    server.stop();
}
