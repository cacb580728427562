//! SIGHUP: the server reads its tokens and its configuration file again.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Client, Server, Site, wait_for};

/// A server with a configuration file, whose log is kept.
struct Reloading {
    site: Site,
    server: Server,
    log: PathBuf,
}

impl Reloading {
    fn start(text: &str) -> Self {
        let site = Site::new();
        let command = site.command_configured(text);
        Self::start_with(site, command)
    }

    fn start_with(site: Site, mut command: Command) -> Self {
        let log = site.path().join("log");
        command.stderr(fs::File::create(&log).expect("a file"));
        command.env("CLOAKROOM_LOG", "info");
        let server = site.serve_with(command);
        Self { site, server, log }
    }

    fn client(&self) -> Client {
        self.server.client()
    }

    fn write(&self, text: &str) {
        fs::write(self.site.path().join("cloakroom.toml"), text).expect("it can be written");
    }

    /// Sends SIGHUP, and waits for a line of the log with `expected`; returns what was logged since.
    fn hang_up(&self, expected: &str) -> String {
        let before = fs::read(&self.log).expect("the log").len();
        self.server.signal(Signal::HUP);
        wait_for(expected, || {
            let log = fs::read_to_string(&self.log).expect("the log");
            let since = log[before..].to_owned();
            (since.contains(expected) && since.ends_with('\n')).then_some(since)
        })
    }

    fn reload(&self, text: &str, expected: &str) -> String {
        self.write(text);
        self.hang_up(expected)
    }
}

fn output(client: &Client, operation: &str) -> String {
    let job = client.post(&format!("/v1/operations/{operation}"), &json!({}), 202);
    let job = client.ended(job.json()["id"].as_str().expect("an id"));
    assert_eq!(job["status"], "succeeded", "{job}");
    let path = format!("/v1/downloads/{}", job["id"].as_str().expect("an id"));
    String::from_utf8(client.get(&path, 200).body).expect("text")
}

#[test]
fn sighup_replaces_operations() {
    let reloading = Reloading::start(
        "[operations.old]\ncommand = ['echo', 'old']\n[operations.both]\ncommand = ['echo', 'one']\n",
    );
    let client = reloading.client();
    assert_eq!(output(&client, "both"), "one\n");
    let log = reloading.reload(
        "[operations.new]\ncommand = ['echo', 'new']\n[operations.both]\ncommand = ['echo', 'two']\n\
         [operations.zip]\ntimeout = '7s'\n[limits]\nparams-bytes = 1000\n",
        "the configuration was reloaded",
    );
    for key in [
        "operations.old",
        "operations.new",
        "operations.both",
        "operations.zip",
        "limits.params-bytes",
    ] {
        assert!(log.contains(key), "no {key} in {log}");
    }
    assert!(!log.contains("restart"), "{log}");
    assert_eq!(output(&client, "new"), "new\n");
    assert_eq!(output(&client, "both"), "two\n");
    client.post("/v1/operations/old", &json!({}), 404);
    let document = client.get("/openapi.json", 200).json();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.contains_key("/v1/operations/new"));
    assert!(!paths.contains_key("/v1/operations/old"));
    let oversized = json!({ "path": "x".repeat(2000) });
    client.post("/v1/operations/zip", &oversized, 413);
    let metrics = String::from_utf8(client.get("/metrics", 200).body).expect("text");
    let submitted = "cloakroom_jobs_submitted_total{operation=\"new\"} 1";
    assert!(metrics.contains(submitted), "{metrics}");
    // Without a change nothing is applied.
    let log = reloading.hang_up("no setting");
    assert!(!log.contains("applied="), "{log}");
    reloading.server.stop();
}

#[test]
fn running_attempt_keeps_its_declaration() {
    let declaration = |text: &str| {
        format!(
            "workers = 1\n[operations.wait]\n\
             command = ['sh', '-c', 'until [ -e \"$GO\" ]; do sleep 0.01; done; echo {text}']\n\
             env = ['GO']\n"
        )
    };
    let site = Site::new();
    let go = site.path().join("go");
    let mut command = site.command_configured(&declaration("one"));
    command.env("GO", &go);
    let reloading = Reloading::start_with(site, command);
    let client = reloading.client();
    let submit = || {
        let job = client.post("/v1/operations/wait", &json!({}), 202).json();
        job["id"].as_str().expect("an id").to_owned()
    };
    let (running, queued) = (submit(), submit());
    wait_for("the first attempt", || {
        let job = client.get(&format!("/v1/jobs/{running}"), 200).json();
        (job["status"] == "running").then_some(())
    });
    reloading.reload(&declaration("two"), "the configuration was reloaded");
    fs::write(&go, "").expect("it can be written");
    for (id, expected) in [(running, "one\n"), (queued, "two\n")] {
        assert_eq!(client.ended(&id)["status"], "succeeded");
        let result = client.get(&format!("/v1/downloads/{id}"), 200);
        assert_eq!(String::from_utf8_lossy(&result.body), expected);
    }
    reloading.server.stop();
}

#[test]
fn queued_job_of_a_removed_operation_fails() {
    let text = "workers = 1\n[operations.sleep]\ncommand = ['sleep', '60']\n";
    let reloading = Reloading::start(&format!("{text}[operations.gone]\ncommand = ['true']\n"));
    let client = reloading.client();
    let submit = |name: &str| {
        let job = client.post(&format!("/v1/operations/{name}"), &json!({}), 202);
        job.json()["id"].as_str().expect("an id").to_owned()
    };
    let (running, queued) = (submit("sleep"), submit("gone"));
    reloading.reload(text, "operations.gone");
    client.canceled(&running);
    let job = client.ended(&queued);
    assert_eq!(job["error"]["code"], "unknown_operation", "{job}");
    reloading.server.stop();
}

#[test]
fn more_workers_take_effect_at_once() {
    let text = "[operations.sleep]\ncommand = ['sleep', '60']\n";
    let reloading = Reloading::start(&format!("workers = 1\n{text}"));
    let client = reloading.client();
    let ids: Vec<_> = (0..2)
        .map(|_| {
            let job = client.post("/v1/operations/sleep", &json!({}), 202).json();
            job["id"].as_str().expect("an id").to_owned()
        })
        .collect();
    let second = format!("/v1/jobs/{}", ids[1]);
    assert_eq!(client.get(&second, 200).json()["status"], "queued");
    reloading.reload(&format!("workers = 2\n{text}"), "applied=\"workers\"");
    wait_for("the second job", || {
        (client.get(&second, 200).json()["status"] == "running").then_some(())
    });
    for id in ids {
        client.canceled(&id);
    }
    reloading.server.stop();
}

#[test]
fn settings_that_need_a_restart_are_named() {
    let reloading = Reloading::start("[limits]\nqueue = 7\n");
    let text = "host = 'a.test'\ntoken-per-run = true\nidle-timeout = '2h'\n[limits]\nqueue = 8\n";
    for _ in 0..2 {
        // They are named again as long as they differ.
        let log = reloading.reload(text, "need a restart");
        for key in ["host", "token-per-run", "limits.queue"] {
            assert!(log.contains(key), "no {key} in {log}");
        }
    }
    let log = fs::read_to_string(&reloading.log).expect("the log");
    assert_eq!(log.matches("applied=\"idle-timeout\"").count(), 1, "{log}");
    reloading.server.stop();
}

#[test]
fn invalid_file_changes_nothing() {
    let good = "[operations.say]\ncommand = ['echo', 'one']\n";
    let reloading = Reloading::start(good);
    let client = reloading.client();
    let bad = good.replace("one", "two");
    for (text, expected) in [
        (
            format!("{bad}\ntimeout = 'soon'\n"),
            "cloakroom.toml:4: timeout: ",
        ),
        (
            format!("x = 1\n{bad}"),
            "cloakroom.toml:1: unknown key \"x\"",
        ),
        (format!("{bad}\n["), "cloakroom.toml:4: "),
        (
            format!(
                "{bad}[[route]]\noperation = 'none'\nsubmit = '/a'\nstatus = '/a/{{id}}'\nresult = '/b/{{id}}'\n"
            ),
            "cloakroom.toml:4: [[route]]: there is no operation \"none\"",
        ),
        (
            format!("allow-origin = 'null'\n{bad}"),
            "--allow-origin null admits every web page",
        ),
    ] {
        let log = reloading.reload(&text, expected);
        assert!(log.contains("the configuration was not reloaded"), "{log}");
        assert!(!log.contains("applied"), "{log}");
        assert_eq!(output(&client, "say"), "one\n");
    }
    fs::remove_file(reloading.site.path().join("cloakroom.toml")).expect("it was there");
    reloading.hang_up("cannot read ");
    assert_eq!(output(&client, "say"), "one\n");
    reloading.reload(&bad, "applied=\"operations.say\"");
    assert_eq!(output(&client, "say"), "two\n");
    reloading.server.stop();
}

#[test]
fn sighup_without_a_configuration_file_reads_the_tokens() {
    let site = Site::new();
    let command = site.command();
    let reloading = Reloading::start_with(site, command);
    let client = reloading.client();
    reloading.hang_up("no configuration file");
    client.get("/v1/jobs", 200);
    let anna = reloading.site.token("anna", &[]);
    reloading.hang_up("no configuration file");
    client.get("/v1/jobs", 401);
    client.ask("GET", "/v1/jobs", &[("authorization", &anna)], b"", 200);
    // A fault of the token file is logged at every signal.
    fs::write(reloading.site.data().join("tokens"), "anna\n").expect("it can be written");
    for _ in 0..2 {
        let log = reloading.hang_up("no configuration file");
        assert!(log.contains("tokens:1: expected"), "{log}");
    }
    client.ask("GET", "/v1/jobs", &[("authorization", &anna)], b"", 200);
    reloading.server.stop();
}

#[test]
fn callbacks_are_signed_with_reloaded_secrets() {
    let receiver = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", receiver.local_addr().expect("an address"));
    let reloading = Reloading::start("");
    let client = reloading.client();
    reloading.site.write("a", b"a");
    let deliver = || -> String {
        let path = format!("/v1/operations/zip?callback={url}&callback-method=POST");
        client.post(&path, &json!({ "path": "/docs/a" }), 202);
        let (mut stream, _) = receiver.accept().expect("a callback");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            std::io::Read::read_exact(&mut stream, &mut byte).expect("a head");
            head.extend(byte);
        }
        let reply = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, reply).expect("it is sent");
        String::from_utf8(head).expect("text").to_ascii_lowercase()
    };
    assert!(!deliver().contains("webhook-signature"));
    let secret = "[callbacks]\nsecrets = ['whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3']\n";
    let log = reloading.reload(secret, "applied=\"callbacks.secrets\"");
    assert!(!log.contains("whsec_"), "{log}");
    let head = deliver();
    assert!(head.contains("webhook-signature: v1,"), "{head}");
    reloading.server.stop();
}

#[test]
fn event_streams_survive_a_reload() {
    let reloading = Reloading::start("");
    let client = reloading.client();
    reloading.site.write("a", b"a");
    let mut events = client.events("/v1/events", "");
    reloading.reload("idle-timeout = '2h'\n", "applied=\"idle-timeout\"");
    let id = client.zip("/docs/a");
    let (_, _, job) = events.next().expect("an event");
    assert_eq!(job["id"], *id);
    reloading.server.stop();
}
