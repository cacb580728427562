//! The server's memory does not grow with the params of its jobs.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use rustix::net::sockopt::set_socket_recv_buffer_size;
use rustix::net::{AddressFamily, SocketType, socket};
use serde_json::{Value, json};

use crate::harness::{Client, Server, Site, wait_for};

/// The length of each job's params.
const PARAMS_BYTES: usize = 1_000_000;
const JOBS: usize = 40;

/// A field of the server's `/proc` status, in MiB.
fn memory(server: &Server, name: &str) -> u64 {
    let path = format!("/proc/{}/status", server.pid());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: String = line
        .expect("it is there")
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    kib.parse::<u64>().expect("a number") / 1024
}

/// A server with an operation that ignores its large params.
pub(crate) fn serve(site: &Site) -> Server {
    site.serve_with(command(site))
}

/// The command line of [`serve`].
pub(crate) fn command(site: &Site) -> Command {
    let path = site.path().join("memory.toml");
    let text = "[operations.c]\ncommand = ['true']\nparams.text = { type = 'string' }\n";
    std::fs::write(&path, text).expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(path);
    command
}

/// A connection with the smallest possible receive buffer.
fn connect_with_small_buffer(address: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    set_socket_recv_buffer_size(&socket, 4096).expect("a size");
    rustix::net::connect(&socket, &address).expect("a connection");
    socket.into()
}

pub(crate) fn submit_large(client: Client) -> String {
    let params = json!({ "text": "x".repeat(PARAMS_BYTES) });
    let job = client.post("/v1/operations/c", &params, 202).json();
    job["id"].as_str().expect("an id").to_owned()
}

/// Every job's id, listed in pages of this limit, and the length of the longest page in bytes.
fn list(client: Client, limit: usize) -> (Vec<String>, usize) {
    let (mut ids, mut longest) = (Vec::new(), 0);
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/v1/jobs?limit={limit}{after}"), 200);
        longest = longest.max(page.body.len());
        let page = page.json();
        let jobs = page["jobs"].as_array().expect("jobs");
        assert!((1..=limit).contains(&jobs.len()), "{}", jobs.len());
        let id = |job: &Value| job["id"].as_str().expect("an id").to_owned();
        ids.extend(jobs.iter().map(id));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (ids, longest),
        }
    }
}

#[test]
fn large_params_are_not_kept_in_memory() {
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let mut ids: Vec<_> = (0..JOBS).map(|_| submit_large(client)).collect();
    for id in &ids {
        // The long poll renders a job before it has ended, too.
        let job = client.ended(id);
        assert_eq!(job["status"], "succeeded", "{}", job["error"]);
        client.get(&format!("/v1/jobs/{id}"), 200);
        let host = [("host", "localhost")];
        client.ask("GET", &format!("/v1/jobs/{id}"), &host, b"", 200);
    }
    // 100 MB of params; a debug build itself needs some 30 MiB.
    let resident = memory(&server, "VmRSS:");
    assert!(resident < 100, "{resident} MiB");

    let (listed, longest) = list(client, 1000);
    ids.reverse();
    assert_eq!(listed, ids);
    assert!(longest < 4_000_000, "{longest}");
    let (listed, _) = list(client, 1);
    assert_eq!(listed, ids);
    let peak = memory(&server, "VmHWM:");
    assert!(peak < 140, "{peak} MiB");
    server.stop();
}

#[test]
fn clients_that_do_not_read_do_not_fill_the_memory() {
    const CLIENTS: usize = 100;
    let site = Site::new();
    let server = serve(&site);
    let client = server.client();
    let ids: Vec<_> = (0..4).map(|_| submit_large(client)).collect();
    for id in &ids {
        client.ended(id);
    }
    let host = server.address();
    let mut slow = Vec::new();
    for number in 0..CLIENTS {
        let path = match number % 4 {
            0 => "/v1/jobs".to_owned(),
            1 => "/v1/events".to_owned(),
            2 => format!("/v1/jobs/{}/events", ids[number / 4 % ids.len()]),
            _ => format!("/v1/jobs/{}", ids[number / 4 % ids.len()]),
        };
        let mut stream = connect_with_small_buffer(host);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").expect("it is sent");
        slow.push(stream);
    }
    // Large replies are rejected with an error for now; small ones still work.
    let busy = wait_for("a refusal", || {
        let reply = client
            .try_ask("GET", "/v1/jobs?limit=1000", &[], b"")
            .expect("a reply");
        client.get("/v1/operations", 200);
        (reply.status == 503).then_some(reply)
    });
    assert_eq!(busy.json()["code"], "server_busy");
    assert_eq!(busy.header("retry-after"), "1");
    let peak = memory(&server, "VmHWM:");
    assert!(peak < 180, "{peak} MiB");
    drop(slow);
    // Once those clients are gone, large replies work again.
    wait_for("an answer", || {
        let path = format!("/v1/jobs/{}", ids[0]);
        let reply = client.try_ask("GET", &path, &[], b"").expect("a reply");
        (reply.status == 200).then_some(())
    });
    server.stop();
}

#[test]
fn problem_lists_at_most_100_errors() {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let params: serde_json::Map<_, _> = (0..10_000)
        .map(|number| (format!("{number}-{}", "x".repeat(50)), json!(number)))
        .collect();
    let reply = client.post("/v1/operations/zip", &Value::Object(params), 422);
    let errors = reply.json()["errors"].as_array().expect("errors").len();
    assert_eq!(errors, 100);
    let long = json!({ "path": "/docs", "y".repeat(100_000): 1 });
    let reply = client.post("/v1/operations/zip", &long, 422);
    assert!(reply.body.len() < 2000, "{}", reply.body.len());
    server.stop();
}
