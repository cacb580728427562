//! Broken connections, and changed content after reconnecting.

use std::io::Read;
use std::net::TcpListener;
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use super::{FETCH, failure, fetched, names, sha256, submit};
use crate::harness::{Site, incompressible, wait_for};
use crate::origin::{Ask, Origin, reply, serve, write};

#[test]
fn fetch_cut_three_times_is_byte_identical() {
    let bytes = incompressible(5_000_000);
    let origin = Origin::new({
        let bytes = bytes.clone();
        move |ask, stream| serve(ask, stream, &bytes, "\"same\"", 1_500_000)
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let uri = origin.url("/a.bin");
    assert_eq!(
        fetched(client, &json!({ "uri": uri, "sha256": sha256(&bytes) }))
            .1
            .body,
        bytes
    );
    fetched(client, &json!({ "uri": uri, "to": "/docs/a.bin" }));
    assert_eq!(
        std::fs::read(site.docs().join("a.bin")).expect("a file"),
        bytes
    );
    let expected: Vec<_> = [None, Some(1_500_000), Some(3_000_000), Some(4_500_000)].repeat(2);
    let ranges: Vec<_> = origin
        .asked()
        .iter()
        .map(|ask| ask.range("\"same\""))
        .collect();
    assert_eq!(ranges, expected);
    assert!(
        origin
            .asked()
            .iter()
            .all(|ask| ask.header("if-range").is_empty() == ask.header("range").is_empty())
    );
    server.stop();
}

type Then = fn(&Ask) -> Vec<u8>;

/// Fetches from servers whose first reply is cut; `then` gives the next replies. All fetches run at once because each
/// waits before it reconnects. Returns each job, its file, and the requests that its server got.
fn after_a_cut(cases: &[(&'static str, Then)]) -> Vec<(Value, Option<Vec<u8>>, Vec<Ask>)> {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let fetch = |(number, (tag, then)): (usize, &(&'static str, Then))| {
        let (tag, then) = (*tag, *then);
        let origin = Origin::new(move |ask, stream| {
            if ask.before == 0 {
                serve(ask, stream, &[b'a'; 1000], tag, 500);
            } else {
                write(stream, &then(ask));
            }
        });
        let to = format!("/docs/{number}");
        let id = submit(client, &json!({ "uri": origin.url("/a"), "to": to }));
        (number, id, origin)
    };
    let fetches: Vec<_> = cases.iter().enumerate().map(fetch).collect();
    let ended = fetches.into_iter().map(|(number, id, origin)| {
        let job = client.ended(&id);
        let file = std::fs::read(site.docs().join(number.to_string())).ok();
        (job, file, origin.asked())
    });
    let ended: Vec<_> = ended.collect();
    let made = ended.iter().filter(|(_, file, _)| file.is_some()).count();
    assert_eq!(names(&site.docs()).len(), made, "nothing else is there");
    server.stop();
    ended
}

/// A partial reply with this Content-Range.
fn part(range: &str, bytes: &[u8]) -> Vec<u8> {
    let headers = format!("content-range: bytes {range}\r\n");
    reply("206 Partial Content", &headers, bytes)
}

/// Wrong ranges at first, then the complete new content.
fn wrong(ask: &Ask, range: &str) -> Vec<u8> {
    match ask.header("range") {
        "" => reply("200 OK", "etag: \"2\"\r\n", b"new"),
        _ => part(range, &[b'x'; 500]),
    }
}

fn without_range(ask: &Ask, reply: Vec<u8>) -> Vec<u8> {
    assert_eq!(ask.header("range"), "");
    reply
}

#[test]
fn broken_fetch_resumes_or_starts_over() {
    let mixed = [[b'a'; 500], [b'b'; 500]].concat();
    let cases: &[(&'static str, Then, &[u8], usize)] = &[
        // The rest, as it should be; the letter b shows where it came from.
        ("\"1\"", |_| part("500-999/1000", &[b'b'; 500]), &mixed, 2),
        ("\"1\"", |_| part("500-999/*", &[b'b'; 500]), &mixed, 2),
        // The same content from a server without ranges: the known bytes are skipped.
        (
            "\"1\"",
            |_| reply("200 OK", "etag: \"1\"\r\n", &[b'b'; 1000]),
            &mixed,
            2,
        ),
        // Other content.
        (
            "\"1\"",
            |_| reply("200 OK", "etag: \"2\"\r\n", b"new"),
            b"new",
            2,
        ),
        ("\"1\"", |_| reply("200 OK", "", b"new"), b"new", 2),
        // Without a tag it is unknown whether the content is the same.
        (
            "W/\"1\"",
            |ask| without_range(ask, reply("200 OK", "etag: W/\"1\"\r\n", b"new")),
            b"new",
            2,
        ),
        (
            "",
            |ask| without_range(ask, reply("200 OK", "", b"new")),
            b"new",
            2,
        ),
        // A range that was not requested, one of another length, or none: these are not trusted.
        ("\"1\"", |ask| wrong(ask, "0-999/1000"), b"new", 3),
        ("\"1\"", |ask| wrong(ask, "400-999/1000"), b"new", 3),
        ("\"1\"", |ask| wrong(ask, "500-599/600"), b"new", 3),
        ("\"1\"", |ask| wrong(ask, "junk"), b"new", 3),
        (
            "\"1\"",
            |ask| match ask.header("range") {
                "" => reply("200 OK", "", b"shorter"),
                _ => reply(
                    "416 Range Not Satisfiable",
                    "content-range: bytes */7\r\n",
                    b"",
                ),
            },
            b"shorter",
            3,
        ),
        // Shorter than requested, and cut again.
        (
            "\"1\"",
            |ask| match ask.range("\"1\"") {
                Some(500) => part("500-799/1000", &[b'b'; 300]),
                _ => part("800-999/1000", &[b'b'; 200]),
            },
            &mixed,
            3,
        ),
        // Busy once, then available.
        (
            "\"1\"",
            |ask| match ask.before {
                1 => reply("503 Service Unavailable", "", b""),
                _ => part("500-999/1000", &[b'b'; 500]),
            },
            &mixed,
            3,
        ),
    ];
    let cuts: Vec<_> = cases.iter().map(|(tag, then, ..)| (*tag, *then)).collect();
    for ((_, _, expected, requests), (job, file, asked)) in cases.iter().zip(after_a_cut(&cuts)) {
        assert_eq!(job["status"], "succeeded", "{job} {asked:?}");
        assert_eq!(file.as_deref(), Some(*expected), "{asked:?}");
        assert_eq!(asked.len(), *requests, "{asked:?}");
    }
}

#[test]
fn fetch_fails_when_the_content_is_gone_or_keeps_changing() {
    let cases: &[(&'static str, Then, &str)] = &[
        ("\"1\"", |_| reply("404 Not Found", "", b""), "404"),
        (
            "\"1\"",
            |_| reply("302 Found", "location: http://169.254.169.254/\r\n", b""),
            "link-local",
        ),
        // The same tag on shorter and on longer content.
        (
            "\"1\"",
            |_| b"HTTP/1.1 200 OK\r\netag: \"1\"\r\n\r\nshort".to_vec(),
            "cannot be resumed",
        ),
        (
            "\"1\"",
            |_| part("500-999/1000", &[b'b'; 501]),
            "cannot be resumed",
        ),
        // Cut repeatedly, with other content each time.
        (
            "\"1\"",
            |ask| {
                let tag = format!("etag: \"{}\"\r\n", ask.before);
                let whole = reply("200 OK", &tag, &[b'a'; 1000]);
                whole[..whole.len() - 500].to_vec()
            },
            "cannot be resumed",
        ),
    ];
    let cuts: Vec<_> = cases.iter().map(|(tag, then, _)| (*tag, *then)).collect();
    for ((.., words), (job, file, asked)) in cases.iter().zip(after_a_cut(&cuts)) {
        let error = &job["error"];
        assert_eq!(error["code"], "fetch_failed", "{job}");
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| message.contains(words)),
            "{job}"
        );
        assert!(file.is_none() && asked.len() < 8, "{asked:?}");
    }
}

#[test]
fn fetch_reconnects_after_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let uri = format!("http://{}/a", listener.local_addr().expect("an address"));
    let (reset, is_time) = channel();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        // Unread input turns the close into a reset.
        stream.read_exact(&mut [0; 16]).expect("some of a request");
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\netag: \"1\"\r\n\r\nhello";
        write(&mut stream, head);
        is_time.recv().expect("a word");
        drop(stream);
        let (mut stream, _) = listener.accept().expect("another connection");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            request.push(byte[0]);
        }
        let range = "content-range: bytes 5-9/10\r\n";
        write(&mut stream, &reply("206 Partial Content", range, b"world"));
        String::from_utf8(request).expect("text")
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let id = submit(client, &json!({ "uri": uri }));
    wait_for("the first bytes", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        (job["bytes"]["current"] == 5).then_some(())
    });
    reset.send(()).expect("it listens");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    let download = client.get(&format!("/v1/downloads/{id}"), 200);
    assert_eq!(download.body, b"helloworld");
    let request = serving.join().expect("it was asked twice");
    assert!(request.contains("range: bytes=5-\r\n"), "{request}");
    server.stop();
}

#[test]
fn fetch_from_a_silent_server_times_out() {
    let site = Site::new();
    let server = site.serve();
    // A port without a listener.
    let free = TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port");
    let (code, message) = failure(
        server.client(),
        &json!({ "uri": format!("http://{free}/secret?token") }),
    );
    assert_eq!(code, "fetch_failed");
    assert!(
        message.contains(&free.to_string()) && !message.contains("secret"),
        "{message}"
    );
    server.stop();
}

#[test]
fn canceled_fetch_leaves_nothing() {
    let origin = Origin::new(|ask, stream| match ask.path.as_str() {
        "/broken" if ask.before == 0 => serve(ask, stream, &[b'a'; 1000], "\"1\"", 500),
        // The server stays broken.
        "/broken" => {}
        path => {
            if path == "/body" {
                write(
                    stream,
                    b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello",
                );
            }
            // Until the client disconnects.
            let _ = stream.read_to_end(&mut Vec::new());
        }
    });
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    for (path, requests) in [("/broken", 3), ("/head", 1), ("/body", 1)] {
        let job = client
            .post(
                FETCH,
                &json!({ "uri": origin.url(path), "to": "/docs/a" }),
                202,
            )
            .json();
        let id = job["id"].as_str().expect("an id");
        wait_for("the requests", || {
            let asked = origin.asked();
            (asked.iter().filter(|ask| ask.path == path).count() >= requests).then_some(())
        });
        client.canceled(id);
        assert!(names(&site.docs()).is_empty(), "{path}");
    }
    server.stop();
}
