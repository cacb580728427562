//! The log of the server: its format, and the lines about requests and jobs.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::net::sockopt;
use serde_json::{Value, json};

use crate::client::output::{read_to_end, terminal};
use crate::harness::{Server, Site, wait_for};

/// Starts a server whose log is this file below the site.
fn serve(site: &Site, flags: &[&str]) -> (Server, PathBuf) {
    let path = site.path().join("log");
    let mut command = site.command();
    command.env_remove("CLOAKROOM_LOG");
    command.args(flags);
    command.stderr(File::create(&path).expect("a file"));
    (site.serve_with(command), path)
}

/// The lines of a JSON log, each of which must be an object with the fields of every line.
fn lines(path: &PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a log");
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(object).collect()
}

fn object(line: &str) -> Value {
    let object: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let text = |name: &str| {
        object[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {line}"))
    };
    humantime::parse_rfc3339(text("timestamp")).expect("RFC 3339");
    assert!(
        ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&text("level")),
        "{line}"
    );
    assert!(!text("message").is_empty(), "{line}");
    object
}

fn requests(path: &PathBuf) -> Vec<Value> {
    let mut lines = lines(path);
    lines.retain(|line| line["message"] == "request");
    lines
}

/// The line about the request with this id.
fn request_line(path: &PathBuf, id: &str) -> Value {
    wait_for("the line about the request", || {
        requests(path)
            .into_iter()
            .find(|line| line["request_id"] == id)
    })
}

#[test]
fn each_request_is_one_line_at_debug() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let (server, log) = serve(&site, &["--log", "debug", "--log-format", "json"]);
    let client = server.client();
    let headers = [("authorization", anna.as_str()), ("x-request-id", "one")];
    let reply = client.ask("GET", "/v1/operations?secret=query", &headers, b"", 200);
    let line = request_line(&log, "one");
    assert_eq!(line["level"], "DEBUG");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "/v1/operations");
    assert_eq!(line["status"], 200);
    assert_eq!(line["bytes"], reply.body.len());
    assert_eq!(line["token"], "anna");
    assert!(line["duration_ms"].is_u64(), "{line}");

    let body = json!({ "path": "/docs/secret-body" }).to_string();
    let headers = [
        ("authorization", anna.as_str()),
        ("content-type", "application/json"),
    ];
    let reply = client.ask("POST", "/v1/operations/zip", &headers, body.as_bytes(), 202);
    let made = reply.header("x-request-id").to_owned();
    assert_eq!(request_line(&log, &made)["route"], "/v1/operations/{name}");

    let headers = [("authorization", anna.as_str()), ("x-request-id", "none")];
    client.ask(
        "GET",
        "/v1/jobs/01J00000000000000000000000",
        &headers,
        b"",
        404,
    );
    let line = request_line(&log, "none");
    assert_eq!(
        (&line["route"], &line["status"]),
        (&json!("/v1/jobs/{id}"), &json!(404))
    );
    client.ask("GET", "/secret-path", &headers[..1], b"", 404);
    server.stop();

    let lines = requests(&log);
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[3]["route"], "other");
    let text = std::fs::read_to_string(&log).expect("a log");
    let token = anna.strip_prefix("Bearer ").expect("a scheme");
    for secret in ["secret=query", "secret-path", token] {
        assert!(!text.contains(secret), "{text}");
    }
    assert!(
        lines
            .iter()
            .all(|line| !line.to_string().contains("secret-body"))
    );
}

#[test]
fn only_refused_requests_are_logged_at_info() {
    let site = Site::new();
    let anna = site.token("anna", &[]);
    let (server, log) = serve(&site, &["--log-format=json"]);
    let client = server.client();
    let id = ("x-request-id", "refused");
    client.ask("GET", "/v1/jobs", &[("authorization", &anna)], b"", 200);
    client.ask("GET", "/v1/jobs/x", &[("authorization", &anna)], b"", 404);
    client.ask("GET", "/v1/jobs?x=1", &[id], b"", 401);
    let line = request_line(&log, "refused");
    assert_eq!(line["level"], "INFO");
    assert_eq!(
        (&line["route"], &line["status"]),
        (&json!("/v1/jobs"), &json!(401))
    );
    assert_eq!(line.get("token"), None);
    assert_eq!(requests(&log).len(), 1);
    server.stop();

    let site = Site::new();
    let (server, log) = serve(&site, &["--log-format=json"]);
    let client = server.client();
    client.ask(
        "GET",
        "/v1/jobs",
        &[("host", "elsewhere.example"), id],
        b"",
        421,
    );
    assert_eq!(request_line(&log, "refused")["status"], 421);
    let origin = ("origin", "https://elsewhere.example");
    client.ask(
        "POST",
        "/v1/operations/zip",
        &[origin, ("x-request-id", "origin")],
        b"",
        403,
    );
    assert_eq!(request_line(&log, "origin")["status"], 403);
    server.stop();
}

#[test]
fn request_of_a_client_that_disconnects_is_logged_as_499() {
    let site = Site::new();
    let config = site.path().join("cloakroom.toml");
    std::fs::write(&config, "[operations.c]\ncommand = ['sleep', '60']\n").expect("a file");
    let config = config.to_str().expect("UTF-8");
    let flags = ["--log", "debug", "--log-format", "json", "--config", config];
    let (server, log) = serve(&site, &flags);
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let request = "POST /v1/operations/c HTTP/1.1\r\nhost: localhost\r\nx-request-id: gone\r\n\
                   prefer: wait=60\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it is sent");
    wait_for("the job", || {
        let jobs = server.client().get("/v1/jobs", 200).json();
        jobs["jobs"][0]["id"].is_string().then_some(())
    });
    // The connection is reset.
    sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).expect("an option");
    drop(stream);
    let line = request_line(&log, "gone");
    assert_eq!(line["status"], 499);
    server.stop();
}

#[test]
fn failed_job_is_one_warning() {
    let site = Site::new();
    let (server, log) = serve(&site, &["--log", "info", "--log-format", "json"]);
    let client = server.client();
    let id = client.zip("/docs/missing");
    let job = client.ended(&id);
    assert_eq!(job["status"], "failed");
    server.stop();
    let lines = lines(&log);
    let about: Vec<_> = lines
        .iter()
        .filter(|line| line["job.id"] == id.as_str())
        .collect();
    let [line] = about[..] else {
        panic!("{about:?}");
    };
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["message"], "job failed");
    assert_eq!(line["operation"], "zip");
    assert_eq!(line["code"], job["error"]["code"]);
    assert_eq!(line["error"], job["error"]["message"]);
}

#[test]
fn start_and_stop_are_logged() {
    let site = Site::new();
    let (server, log) = serve(&site, &["--log-format", "json"]);
    let url = format!("http://{}", server.address());
    server.stop();
    let lines = lines(&log);
    let with = |message: &str| {
        lines
            .iter()
            .filter(|line| line["message"] == message)
            .count()
    };
    assert_eq!((with("listening"), with("stopped")), (1, 1), "{lines:?}");
    let listening = lines.iter().find(|line| line["message"] == "listening");
    assert_eq!(listening.expect("it is there")["urls"], url);
    assert_eq!(lines.last().expect("a line")["message"], "stopped");
}

#[test]
fn text_log_has_no_colors_in_a_file() {
    let site = Site::new();
    let (server, log) = serve(&site, &["--log", "debug"]);
    server.client().get("/healthz", 200);
    server.stop();
    let text = std::fs::read_to_string(log).expect("a log");
    assert!(text.contains("DEBUG request request_id="), "{text}");
    assert!(text.contains("INFO stopped"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
}

/// Runs a server that cannot start; returns what it says.
fn refused(command: &mut Command) -> Output {
    let output = command.output().expect("it runs");
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    output
}

#[test]
fn startup_errors_are_json_in_a_json_log() {
    let site = Site::new();
    let check = |command: &mut Command, code: i32, expected: &str| {
        let output = refused(command);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = String::from_utf8(output.stderr).expect("text");
        let lines: Vec<_> = text.lines().map(object).collect();
        let last = lines
            .last()
            .unwrap_or_else(|| panic!("{expected}: nothing"));
        assert_eq!(last["level"], "ERROR");
        let message = last["message"].as_str().expect("text");
        assert!(message.contains(expected), "{expected}: {message}");
    };
    let json = ["--log-format", "json"];
    check(
        site.command().args(json).args(["--workers", "many"]),
        2,
        "--workers",
    );
    check(
        site.command().args(json).args(["--log", "loud"]),
        2,
        "expected a level",
    );
    check(
        site.configured("workers = 'many'").arg("--log-format=json"),
        2,
        "cloakroom.toml:1: workers",
    );
    check(
        &mut site.configured("log-format = 'json'\nworkers = 'many'"),
        2,
        "cloakroom.toml:2: workers",
    );
    check(
        site.configured("workers = 'many'")
            .env("CLOAKROOM_LOG_FORMAT", "json"),
        2,
        "workers",
    );
    let server = site.serve();
    check(site.command().args(json), 3, "in use");
    server.stop();
}

#[test]
fn warnings_of_check_config_are_json_in_a_json_log() {
    let site = Site::new();
    let mut command = site.configured(
        "log-format = 'json'\n[operations.a]\ncommand = ['no-such-program-anywhere']\n",
    );
    let output = command.arg("--check-config").output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    let lines: Vec<_> = text.lines().map(object).collect();
    let [line] = &lines[..] else {
        panic!("{text}");
    };
    assert_eq!(line["level"], "WARN");
    assert!(
        line["message"]
            .as_str()
            .expect("text")
            .contains("no-such-program-anywhere")
    );
}

#[test]
fn log_has_colors_on_a_terminal_only() {
    let shown = |arguments: &[&str], no_color: &str| {
        let site = Site::new();
        let (mut terminal, other) = terminal();
        let mut command = site.command();
        command
            .env_remove("CLOAKROOM_LOG")
            .env("NO_COLOR", no_color);
        command.args(arguments).stderr(other);
        site.serve_with(command).stop();
        read_to_end(&mut terminal)
    };
    let text = shown(&[], "");
    assert!(
        text.contains("stopped") && text.contains('\u{1b}'),
        "{text}"
    );
    let text = shown(&[], "1");
    assert!(
        text.contains("stopped") && !text.contains('\u{1b}'),
        "{text}"
    );
    let text = shown(&["--log-format", "json"], "");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(
        text.lines()
            .map(object)
            .any(|line| line["message"] == "stopped")
    );
}

#[test]
fn malformed_filter_is_refused() {
    let site = Site::new();
    for filter in ["loud", "hyper", "hyper=loud"] {
        let output = refused(site.command().args(["--log", filter]));
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(text.contains("expected a level (off, error"), "{text}");
    }
}
