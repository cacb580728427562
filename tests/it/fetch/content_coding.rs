//! Content codings that were not requested, and unusual headers of other servers.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::json;

use super::{failure, fetched, sha256};
use crate::harness::{Site, incompressible};
use crate::origin::{Origin, reply, serve, write};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn gzip_and_deflate_are_decoded_and_other_codings_rejected() {
    let bytes = [b"hello ".repeat(10_000), incompressible(100_000)].concat();
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(&bytes).expect("memory");
    let zlib = zlib.finish().expect("memory");
    let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
    raw.write_all(&bytes).expect("memory");
    let raw = raw.finish().expect("memory");
    let (gz, two) = (
        gzip(&bytes),
        [gzip(&bytes[..9]), gzip(&bytes[9..])].concat(),
    );
    let origin = Origin::new({
        let gz = gz.clone();
        move |ask, stream| {
            let (coding, body): (&str, &[u8]) = match ask.path.as_str() {
                "/gzip" => ("content-encoding: gzip", &gz),
                "/x-gzip" => (
                    "content-encoding: identity\r\ncontent-encoding: X-GZip",
                    &gz,
                ),
                "/two" => ("content-encoding: gzip", &two),
                "/zlib" => ("content-encoding: deflate", &zlib),
                "/raw" => ("content-encoding: deflate", &raw),
                "/file" => (
                    "content-encoding: gzip\r\ncontent-type: application/x-gzip",
                    &gz,
                ),
                "/empty" => ("content-encoding: gzip", b""),
                "/br" => ("content-encoding: br", &gz),
                "/twice" => ("content-encoding: gzip, gzip", &gz),
                "/cut" => ("content-encoding: gzip", &gz[..gz.len() - 9]),
                "/wrong" => ("content-encoding: gzip", b"hello"),
                _ => {
                    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n";
                    let chunk = format!("{head}{:x}\r\n", gz.len());
                    return write(stream, &[chunk.as_bytes(), &gz, b"\r\n0\r\n\r\n"].concat());
                }
            };
            write(stream, &reply("200 OK", &format!("{coding}\r\n"), body));
        }
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    for path in ["/gzip", "/x-gzip", "/two", "/zlib", "/raw"] {
        let params =
            json!({ "uri": origin.url(path), "sha256": sha256(&bytes), "max-bytes": bytes.len() });
        assert_eq!(fetched(client, &params).1.body, bytes, "{path}");
    }
    for (path, expected) in [("/file", &gz[..]), ("/empty", b"")] {
        let params = json!({ "uri": origin.url(path) });
        assert_eq!(fetched(client, &params).1.body, expected, "{path}");
    }
    for (path, words) in [
        ("/br", "Content-Encoding br"),
        ("/twice", "Content-Encoding gzip, gzip"),
        ("/transfer", "Transfer-Encoding gzip"),
        ("/cut", "damaged or ends early"),
        ("/wrong", "damaged or ends early"),
    ] {
        let (code, message) = failure(client, &json!({ "uri": origin.url(path) }));
        assert_eq!(code, "fetch_failed", "{path}: {message}");
        assert!(message.contains(words), "{path}: {message}");
    }
    server.stop();
}

#[test]
fn limits_count_decoded_bytes() {
    let bomb = gzip(&vec![0; 64 << 20]);
    let origin = Origin::saying(reply("200 OK", "content-encoding: gzip\r\n", &bomb));
    let site = Site::new();
    let server = site.serve();
    let params = json!({ "uri": origin.url("/"), "max-bytes": 1 << 20 });
    let (code, message) = failure(server.client(), &params);
    assert_eq!(code, "result_too_large", "{message}");
    server.stop();
}

#[test]
fn broken_gzip_reply_is_resumed() {
    let bytes = incompressible(1_000_000);
    let coded = gzip(&bytes);
    let origin = Origin::new({
        let coded = coded.clone();
        move |ask, stream| match ask.range("\"1\"") {
            None => {
                let length = coded.len();
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\netag: \"1\"\r\ncontent-encoding: gzip\r\n\r\n"
                );
                write(stream, &[head.as_bytes(), &coded[..400_000]].concat());
            }
            Some(_) => serve(ask, stream, &coded, "\"1\"", usize::MAX),
        }
    });
    let site = Site::new();
    let server = site.serve();
    let params = json!({ "uri": origin.url("/"), "sha256": sha256(&bytes) });
    assert_eq!(fetched(server.client(), &params).1.body, bytes);
    let ranges: Vec<_> = origin
        .asked()
        .iter()
        .map(|ask| ask.range("\"1\""))
        .collect();
    assert_eq!(ranges, [None, Some(400_000)]);
    server.stop();
}

#[test]
fn gzip_document_is_decoded() {
    let coded = gzip("<r>é</r>".as_bytes());
    let headers = "content-encoding: gzip\r\ncontent-type: text/xml; charset=utf-8\r\n";
    let origin = Origin::saying(reply("200 OK", headers, &coded));
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let params = json!({ "a": origin.url("/"), "b": { "type": "inline", "value": "<r/>" } });
    let job = client.post("/v1/operations/compare", &params, 202).json();
    let job = client.ended(job["id"].as_str().expect("an id"));
    assert_eq!(job["status"], "succeeded", "{job}");
    server.stop();
}

#[test]
fn redirect_keeps_the_body_and_drops_credentials() {
    let origin = Origin::new(|ask, stream| {
        let location: &[u8] = match ask.path.as_str() {
            "/utf-8" => "/é?é".as_bytes(),
            "/latin-1" => b"/\xe9?\xe9",
            "/password" => b"http://user:secret@127.0.0.1:9/x",
            path => return write(stream, &reply("200 OK", "", path.as_bytes())),
        };
        let head = b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: ";
        write(stream, &[&head[..], location, b"\r\n\r\n"].concat());
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    for (path, expected) in [("/utf-8", "/%C3%A9?%C3%A9"), ("/latin-1", "/%E9?%E9")] {
        let (job, download) = fetched(client, &json!({ "uri": origin.url(path) }));
        assert_eq!(download.body, expected.as_bytes(), "{job}");
        assert_eq!(job["output"]["filename"], "é", "{job}");
    }
    let (code, message) = failure(client, &json!({ "uri": origin.url("/password") }));
    assert_eq!(code, "fetch_failed", "{message}");
    assert!(
        message.contains("with a user name or password"),
        "{message}"
    );
    assert!(
        !message.contains("secret") && !message.contains("user:"),
        "{message}"
    );

    let given = json!({ "uri": "http://user:secret@127.0.0.1/" });
    let problem = client.post(super::FETCH, &given, 422).json().to_string();
    assert!(problem.contains("a user name or password"), "{problem}");
    assert!(!problem.contains("secret"), "{problem}");
    server.stop();
}

#[test]
fn file_name_is_found_in_unusual_content_dispositions() {
    let long = [
        b"attachment; filename=",
        "ü".repeat(200).as_bytes(),
        b".xml",
    ]
    .concat();
    let cases: [(&[u8], String); 5] = [
        (b"filename=a.txt", "a.txt".into()),
        (b"attachment; filename=na\xefve.txt", "naïve.txt".into()),
        (
            "attachment; filename=naïve.txt".as_bytes(),
            "naïve.txt".into(),
        ),
        (
            b"attachment; filename=\"..\\\\..\\\\..//x/evil.txt\"",
            "evil.txt".into(),
        ),
        (&long, format!("{}.xml", "ü".repeat(125))),
    ];
    let site = Site::new();
    let server = site.serve();
    for (disposition, expected) in cases {
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-disposition: ";
        let origin = Origin::saying([&head[..], disposition, b"\r\n\r\nx"].concat());
        let (job, _) = fetched(server.client(), &json!({ "uri": origin.url("/") }));
        assert_eq!(job["output"]["filename"], *expected, "{job}");
    }
    server.stop();
}
