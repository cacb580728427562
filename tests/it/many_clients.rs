//! Many waiting clients, and very long results.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::harness::{Server, Site, TEST_TIMEOUT};

/// A number that an environment variable can raise.
fn measure(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().expect("a number"))
}

/// Sends a request; returns the connection.
fn ask(server: &Server, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let request = format!("{request} HTTP/1.1\r\nhost: localhost\r\n");
    stream.write_all(request.as_bytes()).expect("it is sent");
    stream
}

/// The server's peak memory in KiB.
fn peak_kib(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("its status");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
    number.expect("a number")
}

#[test]
fn all_long_polls_are_answered_when_the_job_ends() {
    let polls = measure("CLOAKROOM_TEST_POLLS", 500);
    let site = Site::new();
    let sign = site.path().join("sign");
    let server = site.serve_configured(&format!(
        "[limits]\nconnections = {}\n[operations.c]\ncommand = ['sh', '-c', 'while [ ! -e {} ]; do sleep 0.01; done']\n",
        polls + 10,
        sign.display()
    ));
    let client = server.client();
    let job = client.post("/v1/operations/c", &json!({}), 202).json();
    let id = job["id"].as_str().expect("an id");
    let request = format!("GET /v1/jobs/{id}?wait=50s");
    let waiting: Vec<_> = (0..polls)
        .map(|_| {
            let mut stream = ask(&server, &request);
            stream
                .write_all(b"connection: close\r\n\r\n")
                .expect("it is sent");
            stream
        })
        .collect();
    let before = peak_kib(&server);
    fs::write(&sign, b"").expect("a sign");
    let began = Instant::now();
    let mut reply = String::new();
    for mut stream in waiting {
        reply.clear();
        stream.read_to_string(&mut reply).expect("a reply");
        assert!(
            reply.starts_with("HTTP/1.1 200 ") && reply.contains("\"succeeded\""),
            "{reply}"
        );
    }
    let took = began.elapsed();
    println!(
        "{polls} polls: {took:?}, at most {before} KiB before the end, {} after",
        peak_kib(&server)
    );
    assert!(took < Duration::from_secs(20), "{took:?}");
    server.stop();
}

#[test]
fn large_result_is_sent_to_many_clients_in_bounded_memory() {
    let mib = measure("CLOAKROOM_TEST_MIB", 32);
    let readers = measure("CLOAKROOM_TEST_READERS", 100);
    let site = Site::new();
    site.write_zeros("long", mib << 20);
    let server = site.serve();
    let client = server.client();
    let params = json!({ "path": "/docs/long", "level": 0 });
    let job = client.post("/v1/operations/zip", &params, 202).json();
    let job = client.ended(job["id"].as_str().expect("an id"));
    let length = job["output"]["size"].as_u64().expect("a size");
    assert!(length > mib << 20, "{job}");
    let made = peak_kib(&server);
    println!("made: {made} KiB at most");
    let request = format!("GET /v1/downloads/{}", job["id"].as_str().expect("an id"));

    // Each client reads a little now and then.
    let mut crawling: Vec<_> = (0..readers)
        .map(|number| {
            let mut stream = ask(&server, &request);
            let range = format!("range: bytes={}-\r\n\r\n", (number << 20) % (length / 2));
            stream.write_all(range.as_bytes()).expect("it is sent");
            stream
        })
        .collect();
    let mut crawl = || {
        for stream in &mut crawling {
            let mut little = [0; 4096];
            assert_ne!(stream.read(&mut little).expect("some bytes"), 0);
        }
    };
    crawl();
    // Whole, and then in ranges of a fifth.
    for pieces in [1, 5] {
        let began = Instant::now();
        let mut digest = Sha256::new();
        for piece in 0..pieces {
            let (from, to) = (length * piece / pieces, length * (piece + 1) / pieces);
            let mut stream = ask(&server, &request);
            let range = match pieces {
                1 => "\r\n".to_owned(),
                _ => format!("range: bytes={from}-{}\r\n\r\n", to - 1),
            };
            stream.write_all(range.as_bytes()).expect("it is sent");
            let mut stream = BufReader::new(stream);
            let (mut line, mut status) = (String::new(), String::new());
            while line != "\r\n" {
                line.clear();
                stream.read_line(&mut line).expect("a head");
                if status.is_empty() {
                    status.clone_from(&line);
                }
            }
            let expected = if pieces == 1 { " 200 " } else { " 206 " };
            assert!(status.contains(expected), "{status}");
            let mut left = to - from;
            let mut buffer = vec![0; 1 << 20];
            let mut next_crawl = left;
            while left > 0 {
                let most = buffer.len().min(left as usize);
                let read = stream.read(&mut buffer[..most]).expect("some bytes");
                assert_ne!(read, 0, "it is cut short");
                digest.update(&buffer[..read]);
                left -= read as u64;
                if left < next_crawl {
                    crawl();
                    next_crawl = left.saturating_sub(16 << 20);
                }
            }
        }
        assert_eq!(job["output"]["sha256"], hex::encode(digest.finalize()));
        println!(
            "in {pieces}: {:?}, {} KiB at most",
            began.elapsed(),
            peak_kib(&server)
        );
    }
    crawl();
    // Minus what a debug build needs anyway. One chunk per client would exceed the limit.
    let more = peak_kib(&server) - made;
    assert!(more < 32 * 1024, "{more} KiB");
    server.stop();
}
