//! Synchronous requests: the client gets the result, and no job remains.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{AS_XML, COMPARE, Held, MERGE, ask, form, post, text};
use crate::harness::{Client, Server, Site, incompressible, wait_for};

fn jobs(client: Client) -> Vec<Value> {
    let jobs = client.get("/v1/jobs", 200).json();
    jobs["jobs"].as_array().expect("jobs").clone()
}

fn compare(client: Client, a: &str, b: &str, expected: u16) -> super::Reply {
    let body = json!({ "input-a": a, "inputB": b, "async": false });
    post(client, &format!("{COMPARE}/compare"), &body, expected)
}

/// Sends a comparison without reading the reply.
fn ask_for(server: &Server, a: &str, b: &str) -> TcpStream {
    let body = json!({ "input-a": a, "input-b": b }).to_string();
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let request = format!(
        "POST {COMPARE}/compare HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        server.address(),
        body.len(),
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    stream
}

#[test]
fn synchronous_result_is_returned_and_its_job_deleted() {
    let site = Site::new();
    let mut long = String::new();
    for byte in incompressible(40 << 10) {
        long += &format!("<b n='{byte}'/>");
    }
    site.write("a.xml", b"<r><a>one</a></r>");
    site.write("b.xml", b"<r><a>two</a></r>");
    site.write("long.xml", format!("<r>{long}</r>").as_bytes());
    let server = site.serve();
    let client = server.client();
    let delta = compare(client, "/docs/a.xml", "/docs/b.xml", 200);
    assert_eq!(jobs(client), [Value::Null; 0]);
    assert_eq!(delta.header("content-type"), "application/xml");
    assert!(text(&delta).contains("deltaxml:content-type=\"full-context\""));
    let xml = "<compare><input-a><path>/docs/a.xml</path></input-a><input-b><path>/docs/long.xml</path></input-b></compare>";
    let path = format!("{COMPARE}/compare");
    let delta = ask(client, "POST", &path, &AS_XML, xml, 200);
    assert_eq!(jobs(client), [Value::Null; 0]);
    // More than one chunk of the store.
    assert!(delta.body.len() > 1 << 20 && text(&delta).ends_with("</r>\n"));

    let (headers, body) = form(&[
        ("name=\"base\"", "", "/docs/a.xml"),
        ("name=\"anna\"", "", "<r><a>two</a></r>"),
        (
            "name=\"ben\"; filename=\"x.xml\"",
            "application/xml",
            "<r><a>three</a></r>",
        ),
        ("name=\"AsyncOutput\"", "", "/docs/out.xml"),
        ("name=\"Indent\"", "", "true"),
    ]);
    let path = format!("{MERGE}/types/concurrent");
    let merged = text(&ask(client, "POST", &path, &headers, &body, 200));
    assert!(
        merged.contains("deltaxml:version-order=\"base, anna, ben\""),
        "{merged}"
    );
    assert!(merged.contains("\n  <a deltaxml:deltaV2="), "{merged}");
    assert_eq!(jobs(client), [Value::Null; 0]);
    assert!(
        !site.docs().join("out.xml").exists(),
        "ignored without Async"
    );
    server.stop();
    site.check_tables();
}

#[test]
fn failed_synchronous_request_is_400_and_its_job_deleted() {
    let site = Site::new();
    site.write("a.xml", b"<r>");
    site.write("b.xml", b"<s/>");
    let server = site.serve();
    let client = server.client();
    let error = compare(client, "/docs/a.xml", "/docs/b.xml", 400).json();
    assert_eq!(error["errorCode"], 400);
    let message = error["errorMessage"].as_str().expect("a message");
    assert!(message.starts_with("inputA: "), "{message}");
    compare(client, "/docs/missing.xml", "/docs/b.xml", 400);
    assert_eq!(jobs(client), [Value::Null; 0]);
    server.stop();
}

/// Sends a synchronous comparison that does not end.
fn wait(server: &Server, held: &Held) -> TcpStream {
    let before = held.origin.asked().len();
    let stream = ask_for(server, &held.url("/a.xml"), "/docs/b.xml");
    wait_for("the job at work", || {
        (held.origin.asked().len() > before).then_some(())
    });
    stream
}

#[test]
fn disconnecting_cancels_the_job() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let held = Held::new(b"<r/>");
    let stream = wait(&server, &held);
    let running = jobs(client);
    assert_eq!(running.len(), 1);
    assert_eq!(running[0]["status"], "running");
    // The next one waits in the queue, and is canceled there.
    let queued = ask_for(&server, "<a/>", "<a/>");
    wait_for("both", || (jobs(client).len() == 2).then_some(()));
    drop(queued);
    wait_for("one", || (jobs(client).len() == 1).then_some(()));
    drop(stream);
    wait_for("none", || jobs(client).is_empty().then_some(()));
    server.stop();
    site.check_tables();
}

#[test]
fn half_closed_client_gets_the_result_and_a_disconnect_cancels() {
    let site = Site::new();
    site.write("b.xml", b"<r/>");
    let server = site.serve();
    let client = server.client();
    let held = Held::new(b"<r/>");
    let mut half_closed = wait(&server, &held);
    half_closed
        .shutdown(std::net::Shutdown::Write)
        .expect("it is open");
    // The server has sent a probe, and the job continues.
    let mut interim = [0; 25];
    half_closed.read_exact(&mut interim).expect("a probe");
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(jobs(client)[0]["status"], "running");
    held.let_go("/a.xml");
    let mut reply = String::new();
    half_closed.read_to_string(&mut reply).expect("a reply");
    assert!(
        reply.contains("HTTP/1.1 200 OK") && reply.contains("deltaxml"),
        "{reply}"
    );

    let held = Held::new(b"<r/>");
    let half_closed = wait(&server, &held);
    half_closed
        .shutdown(std::net::Shutdown::Write)
        .expect("it is open");
    drop(half_closed);
    wait_for("none", || jobs(client).is_empty().then_some(()));
    server.stop();
    site.check_tables();
}

#[test]
fn synchronous_request_reports_a_cancel_by_another_client() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let held = Held::new(b"<r/>");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| compare(client, &held.url("/a.xml"), "/docs/b.xml", 409));
        held.asked("/a.xml");
        let id = jobs(client)[0]["id"].as_str().expect("an id").to_owned();
        let canceled = client.try_ask("POST", &format!("/v1/jobs/{id}/cancel"), &[], b"");
        assert!(matches!(canceled.expect("a reply").status, 200 | 202));
        let error = waiting.join().expect("an answer").json();
        assert_eq!(error["errorMessage"], "The job was canceled.");
    });
    wait_for("none", || jobs(client).is_empty().then_some(()));
    server.stop();
}

#[test]
fn synchronous_job_is_gone_after_a_restart() {
    let site = Site::new();
    let held = Held::new(b"<r/>");
    let server = site.serve();
    let stream = wait(&server, &held);
    server.kill();
    drop(stream);
    let server = site.serve();
    assert_eq!(jobs(server.client()), [Value::Null; 0]);
    let stream = wait(&server, &held);
    server.stop();
    drop(stream);
    let server = site.serve();
    assert_eq!(jobs(server.client()), [Value::Null; 0]);
    server.stop();
    site.check_tables();
}
