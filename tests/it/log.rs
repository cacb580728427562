//! The log of a job's operation: how much is kept, and streaming.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::{Client, Server, Site, TEST_TIMEOUT, wait_for};

/// The number of bytes of a log that are kept.
const KEPT: usize = 256 * 1024;

/// An open log stream.
struct Following {
    head: String,
    reader: BufReader<TcpStream>,
}

impl Following {
    fn open(server: &Server, id: &str) -> Self {
        let mut stream = TcpStream::connect(server.address()).expect("a connection");
        stream
            .set_read_timeout(Some(TEST_TIMEOUT))
            .expect("a socket");
        let request = format!(
            "GET /v1/jobs/{id}/log?follow HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(reader.read_line(&mut head).expect("a head"), 0, "{head}");
        }
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Self {
            head: head.to_ascii_lowercase(),
            reader,
        }
    }

    /// The next piece; `None` at the end.
    fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.reader.read_line(&mut line).expect("a size");
        let size = usize::from_str_radix(line.trim(), 16).expect("a whole stream");
        let mut piece = vec![0; size + 2];
        self.reader.read_exact(&mut piece).expect("a piece");
        piece.truncate(size);
        (size > 0).then_some(piece)
    }

    /// Reads until this number of bytes has arrived.
    fn read(&mut self, bytes: usize) -> String {
        let mut read = Vec::new();
        while read.len() < bytes {
            read.extend(self.next().expect("more"));
        }
        String::from_utf8(read).expect("text")
    }

    /// Reads to the end.
    fn rest(mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.next()).flatten().collect()
    }
}

/// A site whose jobs of `c` write `first`, wait for a signal, and write `second`; jobs of `silent` write nothing.
struct Stage {
    site: Site,
    sign: PathBuf,
}

impl Stage {
    fn new() -> Self {
        let site = Site::new();
        let sign = site.path().join("sign");
        Self { site, sign }
    }

    fn serve(&self) -> Server {
        self.site.serve_configured(&format!(
            "[operations.c]\nconcurrency = 1\ncommand = ['sh', '-c', 'echo first >&2; \
             while [ ! -e {} ]; do sleep 0.01; done; echo second >&2; echo x >\"$1\"', 'sh', '{{output}}']\n\
             [operations.silent]\ncommand = ['true']\n\
             [operations.failing]\ncommand = ['sh', '-c', 'echo why >&2; exit 3']\n",
            self.sign.display()
        ))
    }

    fn give_sign(&self) {
        fs::write(&self.sign, b"").expect("a sign");
    }
}

fn submit(client: Client, operation: &str) -> String {
    let path = format!("/v1/operations/{operation}");
    let job = client.post(&path, &json!({}), 202).json();
    job["id"].as_str().expect("an id").to_owned()
}

fn log(client: Client, id: &str) -> String {
    let reply = client.get(&format!("/v1/jobs/{id}/log"), 200);
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(reply.header("cache-control"), "no-store");
    String::from_utf8(reply.body).expect("text")
}

#[test]
fn log_is_streamed_from_first_to_last_byte_and_kept() {
    let stage = Stage::new();
    let server = stage.serve();
    let client = server.client();
    let running = submit(client, "c");
    let mut live = Following::open(&server, &running);
    assert!(live.head.contains("content-type: text/plain"));
    assert_eq!(live.read(6), "first\n");
    // The same without following; a HEAD request does not wait.
    assert_eq!(log(client, &running), "first\n");
    let path = format!("/v1/jobs/{running}/log?follow");
    assert!(client.ask("HEAD", &path, &[], b"", 200).body.is_empty());
    assert_eq!(
        client
            .get(&path.replace("follow", "follow=false"), 200)
            .body,
        b"first\n"
    );

    let queued = submit(client, "c");
    assert_eq!(log(client, &queued), "");
    let patient = Following::open(&server, &queued);
    let deleted = submit(client, "c");
    let in_vain = Following::open(&server, &deleted);
    client.ask("DELETE", &format!("/v1/jobs/{deleted}"), &[], b"", 200);
    assert!(in_vain.rest().is_empty(), "a deleted job has no log");
    client.get(&format!("/v1/jobs/{deleted}/log"), 404);
    client.get(&format!("/v1/jobs/{deleted}/log?follow"), 404);

    stage.give_sign();
    assert_eq!(live.rest(), b"second\n");
    assert_eq!(patient.rest(), b"first\nsecond\n");
    let ended = client.get(&path, 200);
    assert_eq!(
        ended.body, b"first\nsecond\n",
        "a late reader gets it at once"
    );
    let head = client.ask("HEAD", &format!("/v1/jobs/{running}/log"), &[], b"", 200);
    assert_eq!(head.header("content-length"), "13");

    let silent = submit(client, "silent");
    assert!(Following::open(&server, &silent).rest().is_empty());
    let failing = submit(client, "failing");
    client.ended(&failing);
    let logs = |client| [&running, &queued, &silent, &failing].map(|id| log(client, id));
    let expected = ["first\nsecond\n", "first\nsecond\n", "", "why\n"];
    assert_eq!(logs(client), expected);
    server.stop();

    let server = stage.serve();
    assert_eq!(logs(server.client()), expected);
    server.kill();
    let server = stage.serve();
    assert_eq!(logs(server.client()), expected);
    server.stop();
}

#[test]
fn log_is_kept_after_a_cancel_and_restarted_after_a_crash() {
    let stage = Stage::new();
    let server = stage.serve();
    let client = server.client();
    let canceled = submit(client, "c");
    let mut live = Following::open(&server, &canceled);
    assert_eq!(live.read(6), "first\n");
    client.canceled(&canceled);
    assert!(live.rest().is_empty());
    assert_eq!(log(client, &canceled), "first\n");
    let again = submit(client, "c");
    assert_eq!(Following::open(&server, &again).read(6), "first\n");
    server.kill();

    let server = stage.serve();
    let client = server.client();
    let live = Following::open(&server, &again);
    wait_for("the second attempt", || {
        (log(client, &again) == "first\n").then_some(())
    });
    stage.give_sign();
    assert_eq!(live.rest(), b"first\nsecond\n", "the log is the attempt's");
    assert_eq!(client.ended(&again)["attempt"], 2);
    assert_eq!(log(client, &canceled), "first\n");
    server.stop();
}

#[test]
fn slow_log_reader_delays_no_job_and_gets_the_end() {
    let site = Site::new();
    // Far more than sockets buffer.
    let server = site.serve_configured(
        "[operations.c]\ncommand = ['sh', '-c', 'echo begin >&2; head -c 40000000 /dev/zero | tr \"\\0\" x >&2; echo end >&2']\n",
    );
    let client = server.client();
    let id = submit(client, "c");
    let slow = Following::open(&server, &id);
    let job = client.ended(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["error"], Value::Null);
    let kept = log(client, &id);
    assert!(kept.len() == KEPT && kept.ends_with("xend\n"));
    let read = slow.rest();
    assert!(
        read.len() >= KEPT && read.len() < 40_000_000,
        "{}",
        read.len()
    );
    assert!(read.ends_with(kept.as_bytes()));
    server.stop();
}
