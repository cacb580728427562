//! Documents that are uploaded with a submission.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use rusqlite::Connection;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Site, incompressible, wait_for};

const DIGEST: &str = "/v1/operations/digest";

fn form(bytes: &[u8]) -> Vec<u8> {
    let head = "--b\r\ncontent-disposition: form-data; name=\"document\"; filename=\"a b.xml\"\r\n\
                content-type: text/xml\r\n\r\n";
    [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat()
}

fn submit_form(client: &Client, bytes: &[u8], status: u16) -> Value {
    client
        .ask(
            "POST",
            DIGEST,
            &[("content-type", "multipart/form-data; boundary=b")],
            &form(bytes),
            status,
        )
        .json()
}

fn digest(bytes: &[u8]) -> String {
    format!("{}\n", hex::encode(Sha256::digest(bytes)))
}

/// The digest that a job computed of its document.
fn said(client: &Client, id: &Value) -> String {
    let id = id.as_str().expect("an id");
    let job = client.ended(id);
    assert_eq!(job["status"], "succeeded", "{job}");
    String::from_utf8(client.get(&format!("/v1/downloads/{id}"), 200).body).expect("a digest")
}

#[test]
fn document_is_complete_in_every_kind_of_submission() {
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    for length in [
        0,
        1,
        1000,
        256 * 1024 - 1,
        256 * 1024,
        256 * 1024 + 1,
        3_000_000,
    ] {
        let bytes = incompressible(length);
        let job = submit_form(&client, &bytes, 202);
        let shown = json!({
            "type": "upload", "name": "a b.xml", "size": length, "mediaType": "text/xml",
            "sha256": hex::encode(Sha256::digest(&bytes)),
        });
        assert_eq!(job["params"]["document"], shown);
        assert_eq!(
            said(&client, &job["id"]),
            digest(&bytes),
            "{length} in a form"
        );
        let job = client
            .ask("POST", DIGEST, &[("content-type", "text/xml")], &bytes, 202)
            .json();
        assert_eq!(job["params"]["document"]["mediaType"], "text/xml");
        assert_eq!(
            said(&client, &job["id"]),
            digest(&bytes),
            "{length} as the body"
        );
    }
    let job = client
        .post(
            DIGEST,
            &json!({ "document": { "type": "inline", "value": "<r/>" } }),
            202,
        )
        .json();
    assert_eq!(said(&client, &job["id"]), digest(b"<r/>"));
    drop(server);
    site.check_tables();
}

#[test]
fn upload_survives_kill_9_right_after_its_202() {
    let site = Site::new();
    let bytes = incompressible(5_000_000);
    let server = site.serve_example();
    let id = submit_form(&server.client(), &bytes, 202)["id"].clone();
    server.kill();
    site.check_tables();
    let server = site.serve_example();
    assert_eq!(said(&server.client(), &id), digest(&bytes));
    let path = format!("/v1/jobs/{}", id.as_str().expect("an id"));
    server.client().ask("DELETE", &path, &[], b"", 200);
    wait_for_no_blobs(&site);
}

#[test]
fn incomplete_uploads_are_freed() {
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let bytes = form(&incompressible(3_000_000));
    // The client disconnects in the middle.
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        let head = format!(
            "POST {DIGEST} HTTP/1.1\r\nhost: localhost\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).expect("it is sent");
        stream.write_all(&bytes[..2_000_000]).expect("it is sent");
        stream.shutdown(Shutdown::Both).expect("it ends");
    }
    // A form that is rejected after its file has arrived.
    let mut refused = form(&incompressible(3_000_000));
    refused.truncate(refused.len() - "--b--\r\n".len());
    refused.extend_from_slice(
        b"--b\r\ncontent-disposition: form-data; name=\"other\"\r\n\r\nx\r\n--b--\r\n",
    );
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let problem = client.ask("POST", DIGEST, &headers, &refused, 422).json();
    assert_eq!(problem["errors"][0]["pointer"], "#/other");
    wait_for_no_blobs(&site);
    // The server is killed in the middle.
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let head = format!(
        "POST {DIGEST} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/xml\r\ncontent-length: 9000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it is sent");
    stream
        .write_all(&incompressible(3_000_000))
        .expect("it is sent");
    wait_for("some of it to be stored", || {
        (blobs(&site) > 0).then_some(())
    });
    server.kill();
    let _server = site.serve_example();
    wait_for_no_blobs(&site);
}

#[test]
fn upload_reference_cannot_be_forged() {
    let site = Site::new();
    let server = site.serve_example();
    let client = server.client();
    let first = submit_form(&client, b"secret", 202);
    for blob in 0..5 {
        let document = json!({ "type": "upload", "name": "x", "size": 6, "mediaType": "text/plain", "blob": blob });
        let problem = client
            .post(DIGEST, &json!({ "document": document }), 422)
            .json();
        assert_eq!(problem["errors"][0]["pointer"], "#/document");
    }
    assert_eq!(said(&client, &first["id"]), digest(b"secret"));
}

fn blobs(site: &Site) -> i64 {
    let database = Connection::open(site.data().join("cloakroom.db")).expect("the database");
    database
        .query_row("select count(*) from blob", [], |row| row.get(0))
        .expect("a count")
}

fn wait_for_no_blobs(site: &Site) {
    wait_for("every blob to be freed", || {
        (blobs(site) == 0).then_some(())
    });
}
