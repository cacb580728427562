//! The operation `fetch`.

mod content_coding;
mod files;
mod reconnect;
mod tls;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Reply, Site, incompressible};
use crate::origin::{Origin, reply, serve, write};

const FETCH: &str = "/v1/operations/fetch";
const ALL: usize = usize::MAX;

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn submit(client: Client, params: &Value) -> String {
    let job = client.post(FETCH, params, 202).json();
    job["id"].as_str().expect("an id").to_owned()
}

/// Runs a fetch that must succeed; returns the job and its result.
fn fetched(client: Client, params: &Value) -> (Value, Reply) {
    let id = submit(client, params);
    let job = client.ended(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    (job, client.get(&format!("/v1/downloads/{id}"), 200))
}

/// Runs a fetch that must fail; returns the code and the message.
fn failure(client: Client, params: &Value) -> (String, String) {
    let job = client.ended(&submit(client, params));
    assert_eq!(job["status"], "failed", "{job}");
    let text = |name: &str| job["error"][name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

/// All names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect()
}

#[test]
fn fetched_result_has_name_and_media_type() {
    let bytes = incompressible(3_000_000);
    let origin = Origin::new({
        let bytes = bytes.clone();
        move |ask, stream| match ask.path.as_str() {
            "/named" => {
                let headers = "content-type: text/x-noise; a=b\r\ncontent-disposition: attachment; filename=\"x\"; filename*=UTF-8''n%C3%B6ise\r\n";
                write(stream, &reply("200 OK", headers, &bytes));
            }
            "/chunked" => {
                write(
                    stream,
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                );
                for piece in bytes.chunks(10_000) {
                    write(stream, format!("{:x}\r\n", piece.len()).as_bytes());
                    write(stream, piece);
                    write(stream, b"\r\n");
                }
                write(stream, b"0\r\n\r\n");
            }
            "/until-the-end" => {
                write(stream, b"HTTP/1.1 200 OK\r\n\r\n");
                write(stream, &bytes);
            }
            "/drip" => {
                write(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
                for byte in &bytes[..100] {
                    write(stream, std::slice::from_ref(byte));
                    std::thread::sleep(std::time::Duration::from_millis(2));
                }
            }
            "/moved" => write(
                stream,
                &reply("302 Found", "location: dir/it%20self.bin?x\r\n", b""),
            ),
            "/empty" => write(stream, &reply("204 No Content", "", b"")),
            _ => serve(ask, stream, &bytes, "\"1\"", ALL),
        }
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let check = |path: &str, expected: &[u8], name: &str, media_type: &str| {
        let (job, download) = fetched(client, &json!({ "uri": origin.url(path) }));
        assert_eq!(download.body, expected, "{path}");
        let output = &job["output"];
        assert_eq!(
            (&output["filename"], &output["mediaType"]),
            (&json!(name), &json!(media_type)),
            "{path}"
        );
        assert_eq!(output["sha256"], sha256(expected), "{path}");
        assert_eq!(
            (&job["percentComplete"], &job["bytes"]["current"]),
            (&json!(100.0), &json!(expected.len())),
            "{job}"
        );
        assert_eq!(
            (&job["phase"], &job["stage"]["name"]),
            (&json!("Fetched"), &json!(name)),
            "{job}"
        );
    };
    let unknown = "application/octet-stream";
    check("/a/plain.bin?q=1", &bytes, "plain.bin", unknown);
    check("/named", &bytes, "nöise", "text/x-noise; a=b");
    check("/chunked", &bytes, "chunked", unknown);
    check("/until-the-end", &bytes, "until-the-end", unknown);
    check("/drip", &bytes[..100], "drip", unknown);
    check("/moved", &bytes, "it self.bin", unknown);
    check("/empty", b"", "empty", unknown);
    assert!(
        origin
            .asked()
            .iter()
            .all(|ask| ask.header("accept-encoding") == "identity" && ask.method == "GET")
    );
    server.stop();
}

#[test]
fn fetch_fails_on_error_status_size_or_digest() {
    let origin = Origin::new(|ask, stream| match ask.path.as_str() {
        "/endless" => {
            write(
                stream,
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            );
            let piece = [b"2000\r\n", &[b'a'; 0x2000][..], b"\r\n"].concat();
            while std::io::Write::write_all(stream, &piece).is_ok() {}
        }
        "/huge" => write(
            stream,
            b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n",
        ),
        "/error" => write(stream, &reply("500 Internal Server Error", "", b"oh")),
        "/part" => write(
            stream,
            &reply(
                "206 Partial Content",
                "content-range: bytes 0-1/3\r\n",
                b"he",
            ),
        ),
        "/round" => write(
            stream,
            &reply("307 Temporary Redirect", "location: /round\r\n", b""),
        ),
        "/inside" => write(
            stream,
            &reply(
                "301 Moved Permanently",
                "location: http://[fe80::1]/\r\n",
                b"",
            ),
        ),
        _ => write(stream, &reply("200 OK", "", b"hello")),
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let check = |path: &str, more: Value, code: &str, words: &str| {
        for to in [None, Some("/docs/new")] {
            let mut params = json!({ "uri": origin.url(path), "to": to });
            for (name, value) in more.as_object().expect("params") {
                params[name] = value.clone();
            }
            let (found, message) = failure(client, &params);
            assert_eq!(found, code, "{path}: {message}");
            assert!(message.contains(words), "{path}: {message}");
            assert_eq!(names(&site.docs()), BTreeSet::new(), "{path}");
        }
    };
    check(
        "/endless",
        json!({ "max-bytes": 1_000_000 }),
        "result_too_large",
        "1000000",
    );
    check(
        "/huge",
        json!({ "max-bytes": 9_999_999_999_u64 }),
        "result_too_large",
        "9999999999",
    );
    check("/hello", json!({ "max-bytes": 4 }), "result_too_large", "4");
    check(
        "/hello",
        json!({ "sha256": sha256(b"hullo") }),
        "digest_mismatch",
        &sha256(b"hello"),
    );
    check("/error", json!({}), "fetch_failed", "500");
    check("/part", json!({}), "fetch_failed", "206");
    check("/round", json!({}), "fetch_failed", "redirects");
    check("/inside", json!({}), "fetch_failed", "link-local");

    let exact = json!({ "uri": origin.url("/hello"), "max-bytes": 5, "sha256": sha256(b"hello").to_uppercase() });
    assert_eq!(fetched(client, &exact).1.body, b"hello");
    server.stop();
}

#[test]
fn invalid_fetch_params_are_422() {
    let site = Site::new();
    let mut command = site.command();
    std::fs::create_dir(site.path().join("fixed")).expect("a folder");
    command
        .arg("--root")
        .arg(format!("fixed={}:ro", site.path().join("fixed").display()));
    let server = site.serve_with(command);
    let client = server.client();
    let check = |params: Value, pointer: &str| {
        let problem = client.post(FETCH, &params, 422).json();
        let errors = problem["errors"].as_array().expect("errors");
        assert!(
            errors.iter().any(|error| error["pointer"] == pointer),
            "{problem}"
        );
    };
    let uri = "http://127.0.0.1:1/";
    check(json!({}), "#/uri");
    check(json!({ "uri": "http://169.254.169.254/" }), "#/uri");
    check(json!({ "uri": "file:///etc/passwd" }), "#/uri");
    check(json!({ "uri": "/docs/a" }), "#/uri");
    check(json!({ "uri": uri, "to": "/etc/passwd" }), "#/to");
    check(json!({ "uri": uri, "to": "/docs/../a" }), "#/to");
    check(json!({ "uri": uri, "to": "/docs" }), "#/to");
    check(json!({ "uri": uri, "to": "/fixed/a" }), "#/to");
    check(json!({ "uri": uri, "sha256": "abc" }), "#/sha256");
    check(json!({ "uri": uri, "max-bytes": -1 }), "#/max-bytes");
    check(
        json!({ "uri": uri, "to": "/docs/a", "conflict": "append" }),
        "#/conflict",
    );
    check(json!({ "uri": uri, "referer": "x" }), "#/referer");
    // Both limits at once.
    check(json!({ "uri": "http://[fe80::1]/", "to": "/docs" }), "#/to");
    check(
        json!({ "uri": "http://[fe80::1]/", "to": "/docs" }),
        "#/uri",
    );
    server.stop();
}
