//! Documents that jobs download from other servers.

use std::io::{Read, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Site, incompressible, wait_for};
use crate::origin::{Origin, reply, serve, write};

const DIGEST: &str = "/v1/operations/digest";
const ALL: usize = usize::MAX;

fn digest(bytes: &[u8]) -> String {
    format!("{}\n", hex::encode(Sha256::digest(bytes)))
}

fn submit(client: Client, document: &Value) -> String {
    let job = client.post(DIGEST, &json!({ "document": document }), 202);
    job.json()["id"].as_str().expect("an id").to_owned()
}

/// The result of a job with this document.
fn said(client: Client, document: &Value) -> String {
    let id = submit(client, document);
    let job = client.ended(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    String::from_utf8(client.get(&format!("/v1/downloads/{id}"), 200).body).expect("a digest")
}

/// Why a job could not read its document.
fn failure(client: Client, document: &Value) -> (String, String) {
    let job = client.ended(&submit(client, document));
    assert_eq!(job["status"], "failed", "{job}");
    let text = |name: &str| job["error"][name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

fn http(url: &str) -> Value {
    json!({ "type": "http", "uri": url })
}

#[test]
fn document_is_fetched_by_the_job() {
    let bytes = incompressible(3_000_000);
    let origin = Origin::new({
        let bytes = bytes.clone();
        move |ask, stream| match ask.path.as_str() {
            "/moved" => write(
                stream,
                &reply("301 Moved Permanently", "location: /doc\r\n", b""),
            ),
            "/open-ended" => {
                write(stream, b"HTTP/1.1 200 OK\r\n\r\n");
                write(stream, &bytes);
            }
            "/empty" => write(stream, &reply("200 OK", "", b"")),
            _ => serve(ask, stream, &bytes, "\"1\"", ALL),
        }
    });
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    for path in ["/doc", "/moved", "/open-ended"] {
        assert_eq!(
            said(client, &http(&origin.url(path))),
            digest(&bytes),
            "{path}"
        );
    }
    // A plain string may be a URL.
    let url = origin.url("/doc");
    assert_eq!(said(client, &json!(url)), digest(&bytes));
    assert_eq!(
        said(client, &json!(url.replace("http:", "HTTP:"))),
        digest(&bytes)
    );
    assert_eq!(said(client, &http(&origin.url("/empty"))), digest(b""));
    server.kill();
    site.check_tables();
}

#[test]
fn authorization_is_sent_to_its_origin_only_and_never_shown() {
    let origin = Origin::saying(reply("200 OK", "", b"hello"));
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let document =
        json!({ "type": "http", "uri": origin.url("/"), "authorization": "Bearer s3cret" });
    let id = submit(client, &document);
    client.ended(&id);
    let retried = client
        .ask("POST", &format!("/v1/jobs/{id}/retry"), &[], b"", 202)
        .json();
    client.ended(retried["id"].as_str().expect("an id"));
    let said: Vec<_> = origin
        .asked()
        .iter()
        .map(|ask| ask.header("authorization").to_owned())
        .collect();
    assert_eq!(said, ["Bearer s3cret", "Bearer s3cret"]);
    for path in [format!("/v1/jobs/{id}"), "/v1/jobs".to_owned()] {
        let shown = client.get(&path, 200);
        let text = String::from_utf8(shown.body).expect("text");
        assert!(
            !text.contains("s3cret") && text.contains(&origin.url("/")),
            "{text}"
        );
    }
    let deleted = client.ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", 200);
    assert_eq!(
        deleted.json()["params"],
        json!({ "document": http(&origin.url("/")) })
    );
    server.kill();
    site.check_tables();
}

#[test]
fn forbidden_document_url_is_422() {
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let refused = |document: Value, pointer: &str, words: &str| {
        let problem = client
            .post(DIGEST, &json!({ "document": document }), 422)
            .json();
        let fault = &problem["errors"][0];
        assert_eq!(fault["pointer"], pointer, "{problem}");
        assert!(
            fault["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(words)),
            "{problem}"
        );
    };
    refused(
        http("http://169.254.169.254/"),
        "#/document/uri",
        "link-local",
    );
    refused(
        http("http://[::ffff:a9fe:a9fe]/"),
        "#/document/uri",
        "link-local",
    );
    refused(
        http("http://2852039166/"),
        "#/document/uri",
        "[callbacks] allow",
    );
    refused(
        http("http://user:secret@127.0.0.1/"),
        "#/document/uri",
        "password",
    );
    refused(
        http("ftp://127.0.0.1/"),
        "#/document/uri",
        "use http or https",
    );
    refused(http("doc.xml"), "#/document/uri", "not a URL");
    refused(json!("http://169.254.169.254/"), "#/document", "link-local");
    let bad = json!({ "type": "http", "uri": "http://127.0.0.1/", "authorization": "a\r\nb: c" });
    refused(bad, "#/document/authorization", "header");
    server.kill();
    site.check_tables();
}

#[test]
fn unavailable_document_fails_its_job_with_the_reason() {
    let origin = Origin::new(|ask, stream| match ask.path.as_str() {
        "/gone" => write(stream, &reply("404 Not Found", "", b"nothing here")),
        "/encoded" => write(
            stream,
            &reply("200 OK", "content-encoding: gzip\r\n", b"\x1f\x8b"),
        ),
        "/long" => write(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 5000000000\r\n\r\n",
        ),
        "/round" => write(stream, &reply("302 Found", "location: /round\r\n", b"")),
        "/inside" => write(
            stream,
            &reply("302 Found", "location: http://169.254.169.254/\r\n", b""),
        ),
        "/file" => write(
            stream,
            &reply("302 Found", "location: file:///etc/passwd\r\n", b""),
        ),
        // Each reply has other content than the one before, and none is complete.
        "/changing" => serve(
            ask,
            stream,
            &[b'a'; 1000],
            &format!("\"{}\"", ask.before),
            500,
        ),
        _ => {}
    });
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let check = |path: &str, code: &str, words: &str| {
        let (said, message) = failure(client, &http(&origin.url(path)));
        assert_eq!(said, code, "{path}: {message}");
        assert!(message.contains(words), "{path}: {message}");
    };
    check("/gone", "fetch_failed", "404 Not Found");
    check("/encoded", "fetch_failed", "damaged or ends early");
    check("/long", "over_limit", "4294967296 bytes");
    check("/round", "fetch_failed", "redirects");
    check("/inside", "fetch_failed", "link-local");
    check("/file", "fetch_failed", "scheme is \"file\"");
    check("/changing", "fetch_failed", "changed");
    check("/nothing", "fetch_failed", "broke");
    server.kill();
    site.check_tables();
}

#[test]
fn broken_document_download_is_resumed() {
    let bytes = incompressible(400_000);
    let origin = Origin::new({
        let bytes = bytes.clone();
        move |ask, stream| serve(ask, stream, &bytes, "\"same\"", 150_000)
    });
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    assert_eq!(said(client, &http(&origin.url("/"))), digest(&bytes));
    let ranges: Vec<_> = origin
        .asked()
        .iter()
        .map(|ask| ask.range("\"same\""))
        .collect();
    assert_eq!(ranges, [None, Some(150_000), Some(300_000)]);
    server.kill();
    site.check_tables();
}

#[test]
fn job_waiting_for_a_document_can_be_canceled() {
    let origin = Origin::new(|ask, stream| {
        if ask.path == "/body" {
            write(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello");
        }
        stream.flush().expect("it is sent");
        // Until the client disconnects.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    for path in ["/head", "/body"] {
        let id = submit(client, &http(&origin.url(path)));
        wait_for("the request", || {
            origin
                .asked()
                .iter()
                .any(|ask| ask.path == path)
                .then_some(())
        });
        client.canceled(&id);
    }
    server.kill();
    site.check_tables();
}
