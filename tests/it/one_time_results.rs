//! Results that are deleted after their first complete download.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::harness::{Client, Server, Site, TEST_TIMEOUT, incompressible, wait_for};

/// Far more than sockets buffer.
const LARGE: usize = 24 << 20;

/// Submits a zip job whose result is not kept; returns its id when it has ended.
fn zip(client: Client, path: &str) -> String {
    let params = json!({ "path": path, "level": 0 });
    let job = client.post("/v1/operations/zip?keep=false", &params, 202);
    let id = job.json()["id"].as_str().expect("an id").to_owned();
    let job = client.ended(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    id
}

fn download(id: &str) -> String {
    format!("/v1/downloads/{id}")
}

fn assert_gone(client: Client, id: &str) {
    let problem = client.get(&download(id), 404).json();
    assert_eq!(problem["code"], "result_gone");
    client.ask("HEAD", &download(id), &[], b"", 404);
    let part = [("range", "bytes=0-0")];
    client.ask("GET", &download(id), &part, b"", 404);
}

/// Waits until the job reports that its result is gone.
fn forgotten(client: Client, id: &str) -> Value {
    wait_for("the result's end", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        (job["output"] == Value::Null).then_some(job)
    })
}

/// Starts a download and reads its first bytes only.
fn begin(server: &Server, id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        download(id)
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("a status");
    assert_eq!(&first, b"HTTP/1.1 200");
    stream
}

#[test]
fn one_time_result_is_deleted_after_a_complete_download_only() {
    let site = Site::new();
    site.write("large", &incompressible(LARGE));
    let server = site.serve();
    let client = server.client();
    let id = zip(client, "/docs/large");
    let before = client.get(&format!("/v1/jobs/{id}"), 200);
    let length = before.json()["output"]["size"].as_u64().expect("a size");
    assert!(before.json()["links"]["result"].is_string());
    let head = client.ask("HEAD", &download(&id), &[], b"", 200);
    let tag = head.header("etag").to_owned();

    let all = format!("bytes=0-{}", length - 1);
    let cases: [(&str, &str, u16); 7] = [
        ("range", "bytes=0-", 206),
        ("range", &all, 206),
        ("range", &format!("bytes={length}-"), 416),
        ("if-none-match", &tag, 304),
        ("if-match", "\"another\"", 412),
        ("sec-purpose", "prefetch", 403),
        ("sec-purpose", "prefetch;prerender", 403),
    ];
    for (name, value, status) in cases {
        // A 304 has the Content-Length of the body that it omits.
        if status == 304 {
            let request = format!(
                "GET {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{name}: {value}\r\n\r\n",
                download(&id)
            );
            let reply = client.raw(request.as_bytes(), true).expect("a reply");
            assert_eq!(reply.status, 304);
        } else {
            client.ask("GET", &download(&id), &[(name, value)], b"", status);
        }
        client.ask("HEAD", &download(&id), &[], b"", 200);
    }
    drop(begin(&server, &id));

    let under_way = [begin(&server, &id), begin(&server, &id)];
    let whole = client.get(&download(&id), 200).body;
    assert_gone(client, &id);
    client.get(&format!("/v1/jobs/{id}"), 200);
    for mut stream in under_way {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("it goes on");
        assert!(rest.ends_with(&whole), "a started download is complete");
    }
    let job = forgotten(client, &id);
    assert_eq!(job["status"], "succeeded");
    assert_eq!(job["links"].get("result"), None, "{job}");
    let after = client.get(&format!("/v1/jobs/{id}"), 200);
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_gone(client, &id);
    let path = site.data().join("cloakroom.db");
    wait_for("the room", || {
        let length = std::fs::metadata(&path).expect("a database").len();
        (length < LARGE as u64 / 2).then_some(())
    });
    server.stop();
    let database = Connection::open(&path).expect("a database");
    let chunks: i64 = database
        .query_row("select count(*) from blob_chunk", [], |row| row.get(0))
        .expect("a number");
    assert_eq!(chunks, 0);
    drop(database);

    let server = site.serve();
    assert_gone(server.client(), &id);
    assert_eq!(forgotten(server.client(), &id)["status"], "succeeded");
    server.stop();
}

#[test]
fn empty_and_waited_for_one_time_results_are_deleted() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve_configured(
        "[operations.nothing]\ncommand = ['sh', '-c', 'echo only for the log >&2']\n",
    );
    let client = server.client();
    let submit = |name: &str, wait: &[(&str, &str)], status| {
        let body = json!(if name == "zip" {
            json!({ "path": "/docs/a" })
        } else {
            json!({})
        });
        let headers = [&[("content-type", "application/json")], wait].concat();
        let path = format!("/v1/operations/{name}?keep=false");
        client.ask("POST", &path, &headers, body.to_string().as_bytes(), status)
    };
    let empty = submit("nothing", &[], 202).json();
    let empty = empty["id"].as_str().expect("an id");
    assert_eq!(client.ended(empty)["output"]["size"], 0);
    client.ask("HEAD", &download(empty), &[], b"", 200);
    client.ask("HEAD", &download(empty), &[], b"", 200);
    assert!(client.get(&download(empty), 200).body.is_empty());
    assert_gone(client, empty);
    forgotten(client, empty);
    for name in ["nothing", "zip"] {
        let reply = submit(name, &[("prefer", "wait=50")], 200);
        assert_eq!(reply.body.is_empty(), name == "nothing");
        let (_, id) = reply
            .header("content-location")
            .rsplit_once('/')
            .expect("a link");
        assert_gone(client, id);
        forgotten(client, id);
    }
    server.stop();
}

#[test]
fn concurrent_downloads_of_a_one_time_result_are_complete_or_410() {
    let site = Site::new();
    site.write("a", &incompressible(300_000));
    let server = site.serve();
    let client = server.client();
    for _ in 0..30 {
        let id = zip(client, "/docs/a");
        let path = download(&id);
        let come = || {
            let reply = client
                .try_ask("GET", &path, &[], b"")
                .expect("a whole reply");
            if reply.status == 200 {
                assert_gone(client, &id);
            } else {
                assert_eq!(reply.json()["code"], "result_gone");
            }
            usize::from(reply.status == 200)
        };
        let whole: usize = thread::scope(|scope| {
            let readers: Vec<_> = (0..6).map(|_| scope.spawn(come)).collect();
            readers
                .into_iter()
                .map(|reader| reader.join().expect("no panic"))
                .sum()
        });
        assert_ne!(whole, 0);
    }
    server.stop();
}
