//! Injected panics in essential tasks: the process exits, and its data stays valid.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, ExitStatus, Stdio};

use serde_json::{Value, json};

use crate::harness::{Client, Site, incompressible, wait_for};
use crate::origin::{Origin, reply};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Sends each kind of request once, without waiting for replies that do not come.
fn use_all(client: Client, receiver: &Origin) {
    let ask = |method: &str, path: &str, body: &Value| {
        let reply = client.try_ask(method, path, &JSON, body.to_string().as_bytes());
        reply.ok().filter(|reply| reply.status < 300)
    };
    let callback = format!("?callback={}", receiver.url("/"));
    for (operation, params) in [
        ("zip", json!({ "path": "/docs/a", "level": 0 })),
        ("hello", json!({})),
    ] {
        let path = format!("/v1/operations/{operation}{callback}");
        if let Some(reply) = ask("POST", &path, &params) {
            let id = reply.json()["id"].as_str().expect("an id").to_owned();
            ask("GET", &format!("/v1/jobs/{id}?wait=1s"), &json!({}));
        }
    }
    // This job is not in memory, so the disk is read.
    ask("GET", "/v1/jobs/00000000000000000000000000", &json!({}));
}

/// Runs a server with this failpoint to its end.
fn end(site: &Site, planned: &str, receiver: &Origin) -> (ExitStatus, String) {
    let config = site.path().join("cloakroom.toml");
    std::fs::write(&config, "[operations.hello]\ncommand = ['echo', 'hello']\n").expect("a file");
    let log = site.path().join("log");
    let mut command = site.command();
    command.arg("--config").arg(config).stdout(Stdio::piped());
    command.stderr(File::create(&log).expect("a file"));
    command.env("CLOAKROOM_FAULT", planned);
    // Backtraces take long to write on a busy machine, and the server waits for the log only for a limited time.
    command.env("RUST_BACKTRACE", "0");
    let mut server: Killed = Killed(command.spawn().expect("it starts"));
    let mut line = String::new();
    let stdout = server.0.stdout.take().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let announced: Value = serde_json::from_str(&line).unwrap_or_default();
    let address = announced["urls"][0]
        .as_str()
        .and_then(|url| url.strip_prefix("http://"));
    let client = address.map(|address| Client::new(address.parse().expect("an address")));
    let status = wait_for(&format!("the end after {planned}"), || {
        if let Some(client) = client {
            use_all(client, receiver);
        }
        server.0.try_wait().expect("its status")
    });
    (status, std::fs::read_to_string(log).expect("a log"))
}

/// A process that is killed on drop.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn panic_in_an_essential_task_stops_the_server() {
    let receiver = Origin::saying(reply("204 No Content", "", b""));
    for (planned, part) in [
        ("store-writer:1", "store-writer"),
        ("store-writer:9", "store-writer"),
        ("store-answers", "store-answers"),
        ("store-checkpoints", "store-checkpoints"),
        ("store-reader", "store-reader"),
        ("idle-clock:2", "idle-clock"),
        ("sweeper:2", "sweeper"),
        ("callbacks:2", "callbacks"),
        ("callback-record", "callbacks"),
        ("progress", "progress"),
        ("worker", "worker"),
        ("command-spawner", "command-spawner"),
        ("command-output", "command-output"),
        ("command-exit", "command-exit"),
        ("accept:3", "accept"),
    ] {
        let site = Site::new();
        site.write("a", &incompressible(5_000_000));
        let server = site.serve();
        let id = server.client().zip("/docs/a");
        server.client().ended(&id);
        server.stop();
        let (status, log) = end(&site, planned, &receiver);
        assert_eq!(status.code(), Some(3), "{planned}: {log}");
        assert!(
            log.contains(&format!("{part} panicked: ")),
            "{planned}: {log}"
        );
        let last = log.lines().last().unwrap_or_default();
        assert!(last.starts_with("cloakroom: "), "{planned}: {log}");
        let server = site.serve();
        let client = server.client();
        client.get(&format!("/v1/downloads/{id}"), 200);
        let next = client.zip("/docs/a");
        assert_eq!(client.ended(&next)["status"], "succeeded", "{planned}");
        server.stop();
    }
}

#[test]
fn panic_in_a_callback_is_one_failed_attempt() {
    let site = Site::new();
    let config = site.path().join("cloakroom.toml");
    std::fs::write(&config, "[callbacks]\nschedule = ['1s']\n").expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(config);
    command.env("CLOAKROOM_FAULT", "callback-delivery");
    let server = site.serve_with(command);
    let client = server.client();
    let receiver = Origin::saying(reply("204 No Content", "", b""));
    site.write("a", b"a");
    let path = format!("/v1/operations/zip?callback={}", receiver.url("/"));
    let job = client
        .post(&path, &json!({ "path": "/docs/a" }), 202)
        .json();
    let path = format!("/v1/jobs/{}", job["id"].as_str().expect("an id"));
    let job = wait_for("the callback", || {
        let callback = client.get(&path, 200).json()["callback"].clone();
        (callback["state"] == "delivered").then_some(callback)
    });
    assert_eq!(job["attempts"], 2, "{job}");
    server.stop();
}
