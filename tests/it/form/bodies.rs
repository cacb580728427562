//! Bodies with an unusual media type.

use serde_json::json;

use super::{URL_ENCODED, serve};
use crate::harness::{Client, Site};

const ZIP: &str = "/v1/operations/zip";

fn refused(client: Client, path: &str, headers: &[(&str, &str)], body: &[u8], words: &str) {
    let reply = client.ask("POST", path, headers, body, 415).json();
    assert_eq!(reply["code"], "unsupported_media_type", "{headers:?}");
    let detail = reply["detail"].as_str().expect("a detail");
    assert!(detail.contains(words), "{headers:?}: {detail}");
}

#[test]
fn json_without_a_media_type_gets_a_hint() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let words = "Content-Type: application/json";
    for path in [ZIP, "/v1/operations/show"] {
        for body in [
            "{\"path\":\"/docs\"}",
            " \r\n{\"path\":\"/docs?a=b&c=d\"}",
            "\u{feff}{}",
            "[]",
            "{",
        ] {
            refused(client, path, &[URL_ENCODED], body.as_bytes(), words);
        }
        refused(client, path, &[], b"{\"path\":\"/docs\"}", words);
    }
    refused(client, ZIP, &[("content-type", "text/plain")], b"{}", words);
    let xml = "Content-Type: application/xml";
    refused(
        client,
        "/v1/operations/show",
        &[URL_ENCODED],
        b"<a b='c'/>",
        xml,
    );
    let untyped = client.get("/v1/jobs", 200).json();
    assert_eq!(untyped["jobs"], json!([]));
    server.stop();
}

#[test]
fn json_with_bom_and_white_space_is_accepted() {
    let site = Site::new();
    site.write("a", b"a");
    let server = serve(&site);
    let client = server.client();
    let body = "{\"path\":\"/docs/a\"}";
    let marked = format!("\u{feff}{body}");
    let check = |content_type: &str, body: &str| {
        let headers = [("content-type", content_type)];
        let job = client
            .ask("POST", ZIP, &headers, body.as_bytes(), 202)
            .json();
        assert_eq!(
            job["params"],
            json!({ "path": "/docs/a" }),
            "{content_type}"
        );
    };
    check("application/json", &marked);
    check("Application/JSON; Charset=\"UTF-8\"", body);
    check("application/json;charset=ISO-8859-1", body);
    check("application/vnd.example+json", body);
    // An operation that takes a document gets the body as one of that type.
    let headers = [("content-type", "application/geo+json")];
    let path = "/v1/operations/show";
    let job = client.ask("POST", path, &headers, b"{}", 202).json();
    assert_eq!(job["params"]["source"]["mediaType"], "application/geo+json");
    // An empty body is an empty object.
    let headers = [("content-type", "application/json")];
    let reply = client.ask("POST", ZIP, &headers, b"", 422).json();
    assert_eq!(reply["errors"][0]["detail"], "A value is required.");
    let wide = "{\"path\":\"/docs/a\"}".encode_utf16();
    let wide: Vec<_> = [0xfeff]
        .into_iter()
        .chain(wide)
        .flat_map(u16::to_le_bytes)
        .collect();
    refused(client, ZIP, &headers, &wide, "UTF-8");
    let headers = [("content-type", "application/json; charset=utf-16le")];
    refused(client, ZIP, &headers, &wide[2..], "UTF-8");
    server.stop();
}

#[test]
fn content_encoding_identity_is_accepted() {
    let site = Site::new();
    site.write("a", b"<a/>");
    let server = serve(&site);
    let client = server.client();
    let native = (ZIP, json!({ "path": "/docs/a" }), 202);
    let compare = json!({ "input-a": "/docs/a", "input-b": "/docs/a", "async": true });
    let compare = ("/api/xml-data-compare/v1/compare", compare, 202);
    let copy = ("/drive/root:/docs/a:/copy", json!({ "name": "b" }), 202);
    for (path, body, status) in [native, compare, copy] {
        let ask = |coding: &str| {
            let headers = [
                ("content-type", "application/json"),
                ("content-encoding", coding),
            ];
            let body = body.to_string();
            let reply = client.try_ask("POST", path, &headers, body.as_bytes());
            reply.expect("a reply").status
        };
        assert_eq!(ask("identity"), status, "{path}");
        assert_eq!(ask("Identity, identity"), status, "{path}");
        assert_eq!(ask("gzip"), 415, "{path}");
        assert_eq!(ask("identity, gzip"), 415, "{path}");
    }
    server.stop();
}

#[test]
fn multipart_boundary_may_have_any_legal_character() {
    let site = Site::new();
    site.write("a", b"a");
    let server = serve(&site);
    let client = server.client();
    for (content_type, boundary) in [
        ("multipart/form-data; boundary=a/b:c=d", "a/b:c=d"),
        ("Multipart/Form-Data; Boundary=\"a b\"", "a b"),
        ("MULTIPART/FORM-DATA;charset=utf-8;BOUNDARY=x", "x"),
    ] {
        // Without a line break after the last delimiter.
        let body = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=path\r\n\r\n/docs/a\r\n--{boundary}--"
        );
        let headers = [("content-type", content_type)];
        let job = client
            .ask("POST", ZIP, &headers, body.as_bytes(), 202)
            .json();
        assert_eq!(
            job["params"],
            json!({ "path": "/docs/a" }),
            "{content_type}"
        );
    }
    server.stop();
}

#[test]
fn wait_takes_bare_seconds() {
    let site = Site::new();
    site.write("a", b"a");
    let server = serve(&site);
    let client = server.client();
    let id = client.zip("/docs/a");
    for wait in ["5", "0", "99999999999999999999", "5s"] {
        client.get(&format!("/v1/jobs/{id}?wait={wait}"), 200);
    }
    client.get(&format!("/v1/downloads/{id}?wait=5"), 200);
    for wait in ["", "-5", "5x", "soon"] {
        let reply = client
            .get(&format!("/v1/jobs/{id}?wait={wait}"), 422)
            .json();
        assert_eq!(reply["errors"][0]["pointer"], "?wait");
    }
    server.stop();
}
