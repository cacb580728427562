//! Servers without free descriptors, without working syncs, or without disk space.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Client, Mount, Server, Site, TEST_TIMEOUT, skipped, wait_for};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// The server's command line run through another program, with its environment.
fn behind(site: &Site, program: &str, arguments: &[&str]) -> Command {
    let server = site.command();
    let mut command = Command::new(program);
    command.args(arguments).arg(server.get_program());
    command.args(server.get_args());
    for (name, value) in server.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

/// The processor time that a process has used, in ticks of 10 ms.
fn ticks(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid()));
    let stat = stat.expect("it runs");
    let (_, rest) = stat.rsplit_once(") ").expect("its name");
    let fields: Vec<_> = rest.split(' ').collect();
    let number = |field: &str| field.parse::<u64>().expect("a number");
    number(fields[11]) + number(fields[12])
}

/// Sends one request on a connection that stays open; returns the JSON reply.
fn ask(connection: &mut BufReader<TcpStream>, head: &str, body: &str) -> Value {
    let length = body.len();
    let request = format!(
        "{head} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    let stream = connection.get_mut();
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut length = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).expect("a line");
        match line.trim_end().split_once(": ") {
            Some(("content-length", text)) => length = text.parse().expect("a length"),
            None if line == "\r\n" => break,
            _ => assert!(!line.is_empty(), "it is cut"),
        }
    }
    let mut reply = vec![0; length];
    connection.read_exact(&mut reply).expect("a body");
    serde_json::from_slice(&reply).expect("JSON")
}

#[test]
fn many_connections_leave_descriptors_for_jobs() {
    let site = Site::new();
    site.write("a", b"a");
    let limited = behind(&site, "sh", &["-c", "ulimit -n 64; exec \"$0\" \"$@\""]);
    let server = site.serve_with(limited);
    let early = TcpStream::connect(server.address()).expect("a connection");
    early
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let mut early = BufReader::new(early);
    ask(&mut early, "GET /healthz", "");
    let crowd: Vec<_> = (0..100)
        .map(|_| TcpStream::connect(server.address()).expect("the system's own queue is long"))
        .collect();
    let used = ticks(&server);
    // Real time is under test.
    std::thread::sleep(Duration::from_secs(1));
    let used = ticks(&server) - used;
    assert!(used < 50, "{used} of 100 ticks");
    // Connected clients are still served.
    let job = ask(
        &mut early,
        "POST /v1/operations/zip",
        r#"{"path":"/docs/a"}"#,
    );
    let head = format!(
        "GET /v1/jobs/{}?wait=20s",
        job["id"].as_str().expect("an id")
    );
    let job = ask(&mut early, &head, "");
    assert_eq!(job["status"], "succeeded", "{job}");
    drop(crowd);
    let client = server.client();
    let id = client.zip("/docs/a");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    server.stop();
}

#[test]
fn server_raises_its_descriptor_limit_but_not_that_of_commands() {
    let site = Site::new();
    let config = site.path().join("cloakroom.toml");
    let limits = "[operations.limit]\ncommand = ['sh', '-c', 'ulimit -Sn']\n";
    std::fs::write(&config, limits).expect("a file");
    let mut soft = behind(&site, "sh", &["-c", "ulimit -Sn 256; exec \"$0\" \"$@\""]);
    soft.arg("--config").arg(config);
    let server = site.serve_with(soft);
    let own = std::fs::read_to_string(format!("/proc/{}/limits", server.pid()));
    let own = own.expect("its limits");
    let line = own.lines().find(|line| line.starts_with("Max open files"));
    let given = line.and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    assert!(given > Some(2048), "{own}");
    let client = server.client();
    let job = client.post("/v1/operations/limit", &json!({}), 202).json();
    let id = job["id"].as_str().expect("an id");
    assert_eq!(client.ended(id)["status"], "succeeded");
    let said = client.get(&format!("/v1/downloads/{id}"), 200).body;
    assert_eq!(String::from_utf8_lossy(&said), "256\n");
    server.stop();
}

/// Submits until a request fails; returns the jobs with a 202.
fn submit_until_refused(client: Client) -> Vec<String> {
    let mut accepted = Vec::new();
    let body = json!({ "path": "/docs/a" }).to_string();
    loop {
        let reply = client.try_ask("POST", "/v1/operations/zip", &JSON, body.as_bytes());
        let Ok(reply) = reply else { return accepted };
        let answer = reply.json();
        if reply.status != 202 {
            assert_eq!(reply.status, 503, "{answer}");
            return accepted;
        }
        accepted.push(answer["id"].as_str().expect("an id").to_owned());
        assert!(accepted.len() < 1000, "nothing fails");
    }
}

#[test]
fn failed_sync_stops_acknowledgements_and_loses_nothing() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skipped("there is no strace");
    }
    // strace counts per thread; a start with an existing database needs few syncs.
    for nth in [4, 7] {
        let site = Site::new();
        site.write("a", b"a");
        site.serve().stop();
        let inject = format!("inject=fdatasync:error=EIO:when={nth}");
        let log = site.path().join("strace");
        let log = log.to_str().expect("text");
        // With -D the server stays the child of the test, as without strace.
        let trace = "trace=fdatasync";
        let strace = ["-D", "-f", "-o", log, "-e", trace, "-e", &inject];
        let mut command = behind(&site, "strace", &strace);
        command.env("CLOAKROOM_LOG", "off");
        let mut server = site.serve_with(command);
        let accepted = submit_until_refused(server.client());
        assert_eq!(server.wait().code(), Some(3));
        let server = site.serve();
        for id in &accepted {
            assert_eq!(server.client().ended(id)["status"], "succeeded");
        }
        server.stop();
    }
}

#[test]
fn temporarily_full_disk_rejects_and_recovers() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skipped("there is no strace");
    }
    let site = Site::new();
    site.write("a", b"a");
    site.serve().stop();
    let log = site.path().join("strace");
    let log = log.to_str().expect("text");
    let (trace, inject) = ("trace=pwrite64", "inject=pwrite64:error=ENOSPC:when=40..60");
    let strace = ["-D", "-f", "-o", log, "-e", trace, "-e", inject];
    let mut command = behind(&site, "strace", &strace);
    command.env("CLOAKROOM_LOG", "off");
    let server = site.serve_with(command);
    let client = server.client();
    let body = json!({ "path": "/docs/a" }).to_string();
    let mut accepted = Vec::new();
    let mut before: Option<usize> = None;
    // While submissions are rejected, the server checks the free space every second.
    wait_for("room after a refusal", || {
        let reply = client.try_ask("POST", "/v1/operations/zip", &JSON, body.as_bytes());
        let reply = reply.expect("it goes on");
        let answer = reply.json();
        if reply.status == 202 {
            accepted.push(answer["id"].as_str().expect("an id").to_owned());
        } else {
            assert_eq!(reply.status, 507, "{answer}");
            assert_eq!(answer["code"], "storage_full", "{answer}");
            before = Some(accepted.len());
        }
        before.filter(|before| accepted.len() >= before + 10)
    });
    for id in &accepted {
        let job = client.ended(id);
        let fitted = job["status"] == "succeeded";
        assert!(fitted || job["error"]["code"] == "storage_full", "{job}");
    }
    server.stop();
}

#[test]
fn read_only_data_folder_is_reported_in_one_line() {
    let site = Site::new();
    let Some(_mount) = Mount::new(&["-t", "tmpfs", "-o", "ro", "tmpfs"], &site.data()) else {
        return;
    };
    let output = site.command().output().expect("it ends");
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert_eq!(words.lines().count(), 1, "{words}");
    assert!(words.contains("Read-only file system"), "{words}");
    assert!(output.stdout.is_empty());
}

#[test]
fn acknowledged_jobs_survive_every_signal() {
    // SIGHUP does not stop the server, so it is killed afterwards.
    for (signal, code) in [
        (Signal::INT, Some(0)),
        (Signal::TERM, Some(0)),
        (Signal::HUP, None),
    ] {
        let site = Site::new();
        site.write("a", b"a");
        let mut server = site.serve();
        let id = server.client().zip("/docs/a");
        server.signal(signal);
        if signal == Signal::HUP {
            server.client().get("/healthz", 200);
            server.signal(Signal::KILL);
        }
        assert_eq!(server.wait().code(), code, "{signal:?}");
        let server = site.serve();
        assert_eq!(
            server.client().ended(&id)["status"],
            "succeeded",
            "{signal:?}"
        );
        server.stop();
    }
}
