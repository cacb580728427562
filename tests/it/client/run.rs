//! `run --url`: one job on a running server.

use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{cloakroom, code, said, words};
use crate::harness::{Client, Server, Site, incompressible, wait_for};
use crate::origin::{Origin, reply};
use crate::tls_proxy::{Break, TlsProxy};

/// Operation `gate` returns its document once the file named `open` exists.
fn serve(site: &Site) -> Server {
    let open = site.path().join("open");
    site.serve_configured(&format!(
        "[operations.gate]\ncommand = ['sh', '-c', 'until [ -e {} ]; do sleep 0.01; done; cat \"$1\"', 'sh', '{{input.doc}}']\n\
         output.filename = 'gate.bin'\ninputs.doc = {{ required = true }}\n",
        open.display()
    ))
}

fn open(site: &Site) {
    std::fs::write(site.path().join("open"), b"").expect("a file");
}

/// Starts the command as a child process in the site's folder.
fn start(site: &Site, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).current_dir(site.path());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it runs")
}

fn end(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// All jobs.
fn jobs(client: Client) -> Vec<serde_json::Value> {
    let list = client.get("/v1/jobs", 200).json();
    list["jobs"].as_array().expect("a list").clone()
}

/// Waits until the only job is running; returns it.
fn running(client: Client) -> serde_json::Value {
    wait_for("a running job", || {
        jobs(client)
            .into_iter()
            .find(|job| job["status"] == "running")
    })
}

/// A server behind a proxy that breaks connections, the proxy, and its URL.
fn behind_front(site: &Site) -> (Server, TlsProxy, String) {
    let server = serve(site);
    let front = TlsProxy::new(None, "");
    front.forward_to(server.address());
    let url = format!("http://127.0.0.1:{}", front.port());
    (server, front, url)
}

#[test]
fn run_url_uses_the_running_server() {
    let site = Site::new();
    let socket = format!("unix:{}", site.path().join("socket").display());
    let config = "[operations.double]\ncommand = ['sh', '-c', 'cat \"$1\" \"$1\"', 'sh', '{input.doc}']\n\
                  output.filename = 'double.bin'\ninputs.doc = { required = true }\n";
    let file = site.path().join("cloakroom.toml");
    std::fs::write(&file, config).expect("a file");
    let mut command = site.command();
    command.args(["--listen", &socket, "--config"]).arg(&file);
    let server = site.serve_with(command);
    let url = format!("http://{}", server.address());
    let document = incompressible(300_000);
    std::fs::write(site.path().join("a document"), &document).expect("a file");
    let twice = [document.as_slice(), &document].concat();

    for url in [url.as_str(), &socket] {
        let piped = [
            "run",
            "double",
            "--url",
            url,
            "-q",
            "-i",
            "doc=a document",
            "-o",
            "-",
        ];
        let output = start(&site, &piped).wait_with_output().expect("it ends");
        assert!(output.status.success(), "{output:?}");
        assert!(output.stdout == twice, "{url}");
        assert!(output.stderr.is_empty(), "{output:?}");
    }
    let named = start(
        &site,
        &["run", "double", "--url", &url, "-i", "doc=a document"],
    );
    let (status, stdout, stderr) = end(named);
    assert_eq!(
        (status, stdout.as_str()),
        (Some(0), "double.bin\n"),
        "{stderr}"
    );
    let saved = std::fs::read(site.path().join("double.bin"));
    assert!(saved.expect("the result") == twice);
    // The server keeps the job.
    assert_eq!(jobs(server.client()).len(), 3);

    // Paths are paths on the server.
    site.write("a", b"a");
    let zip = ["run", "zip", "--url", &url, "-q", "path=/docs/a", "-o"];
    let there = site.path().join("there.zip");
    said(
        &site,
        &[&zip[..], &[there.to_str().expect("text")]].concat(),
    );
    // The environment variable names a server for other commands only; `run` takes a local path.
    let mut own = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    own.args(["run", "zip", "-q", "path=docs/a", "-o", "here.zip"]);
    own.current_dir(site.path()).env("CLOAKROOM_URL", &url);
    own.stdout(Stdio::null());
    assert!(own.status().expect("it runs").success());
    assert_eq!(jobs(server.client()).len(), 4);

    let check = |arguments: &[&str], expected, part: &str| {
        let output = cloakroom(&site, &[&["run", "--url", &url], arguments].concat());
        let text = words(&output);
        assert_eq!(output.status.code(), Some(expected), "{text}");
        assert!(text.contains(part), "{text}");
    };
    check(
        &["nothing"],
        2,
        "available operations: compare, copy, double",
    );
    check(&["zip", "path=/docs/missing"], 1, "source_not_found");
    check(&["zip", "path=/nowhere"], 2, "path");
    check(&["double", "-i", "doc=/nonexistent"], 2, "/nonexistent");
    check(&["zip", "path=/docs/a", "--data", "x"], 2, "--data");
    server.stop();
    check(&["zip", "path=/docs/a"], 1, "cannot reach");
}

#[test]
fn interrupt_cancels_the_job_on_the_server() {
    let site = Site::new();
    let server = serve(&site);
    let url = format!("http://{}", server.address());
    std::fs::write(site.path().join("doc"), b"x").expect("a file");
    let child = start(&site, &["run", "gate", "--url", &url, "-i", "doc=doc"]);
    let job = running(server.client());
    kill_process(Pid::from_child(&child), Signal::INT).expect("it can be signalled");
    let (status, stdout, stderr) = end(child);
    assert_eq!((status, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("canceled; nothing was saved"), "{stderr}");
    let ended = server.client().ended(job["id"].as_str().expect("an id"));
    assert_eq!(ended["status"], "canceled");
    assert!(!site.path().join("gate.bin").exists());
    server.stop();
}

#[test]
fn client_retries_after_a_network_error_at_any_byte() {
    let site = Site::new();
    let (server, front, url) = behind_front(&site);
    let document = incompressible(600_000);
    std::fs::write(site.path().join("doc"), &document).expect("a file");
    front.break_connections(&[
        // The job is created, and the reply is lost.
        ("POST", Break::Reply(0)),
        ("POST", Break::Request),
        ("GET /v1/jobs/", Break::Request),
        ("GET /v1/jobs/", Break::Reply(20)),
        ("GET /v1/downloads/", Break::Reply(200_000)),
        ("GET /v1/downloads/", Break::Reply(10)),
        ("GET /v1/downloads/", Break::Reply(200_000)),
    ]);
    let run = ["run", "gate", "--url", &url, "-i", "doc=doc", "-o", "out"];
    let child = start(&site, &run);
    wait_for("the polls to break", || {
        (front.remaining_breaks() <= 3).then_some(())
    });
    open(&site);
    let (status, _, stderr) = end(child);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(std::fs::read(site.path().join("out")).expect("a file") == document);
    assert_eq!(front.remaining_breaks(), 0, "{:?}", front.seen());
    assert_eq!(jobs(server.client()).len(), 1, "one submission is one job");
    assert!(stderr.contains("retrying for 1m"), "{stderr}");
    server.stop();
}

#[test]
fn client_waits_while_the_server_restarts() {
    let site = Site::new();
    let (server, front, url) = behind_front(&site);
    std::fs::write(site.path().join("doc"), b"x").expect("a file");
    let run = [
        "run", "gate", "--url", &url, "-q", "-i", "doc=doc", "-o", "out",
    ];
    let child = start(&site, &run);
    running(server.client());
    server.kill();
    let polls = |front: &TlsProxy| {
        front
            .seen()
            .iter()
            .filter(|line| line.starts_with("GET"))
            .count()
    };
    let before = polls(&front);
    wait_for("polls in vain", || {
        (polls(&front) > before + 1).then_some(())
    });
    open(&site);
    let server = serve(&site);
    front.forward_to(server.address());
    let (status, _, stderr) = end(child);
    assert_eq!((status, stderr.as_str()), (Some(0), ""));
    assert_eq!(
        std::fs::read(site.path().join("out")).expect("a file"),
        b"x"
    );
    server.stop();
}

#[test]
fn client_gives_up_on_an_absent_server_and_can_follow_the_job_later() {
    let site = Site::new();
    let (server, front, url) = behind_front(&site);
    std::fs::write(site.path().join("doc"), b"x").expect("a file");
    front.break_connections(&[("GET /v1/jobs/", Break::Request)]);
    let run = [
        "run",
        "gate",
        "-q",
        "--url",
        &url,
        "--retry-for",
        "0s",
        "-i",
        "doc=doc",
    ];
    let (status, _, stderr) = end(start(&site, &run));
    assert_eq!(status, Some(1), "{stderr}");
    let job = running(server.client());
    let id = job["id"].as_str().expect("an id");
    assert!(
        stderr.contains(&format!("`cloakroom wait {id} --url {url}`")),
        "{stderr}"
    );
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    open(&site);
    said(&site, &["wait", "-q", id, "--url", &url]);
    server.stop();
}

#[test]
fn other_http_servers_are_reported_as_not_cloakroom() {
    let site = Site::new();
    let front = TlsProxy::new(None, "/elsewhere");
    let port = front.port();
    let moved = Origin::saying(reply(
        "301 Moved Permanently",
        "location: https://example.org/\r\n",
        b"<html>",
    ));
    let url = format!("http://127.0.0.1:{port}");
    let output = cloakroom(&site, &["jobs", "--url", &url]);
    assert!(words(&output).contains("502"), "{}", words(&output));
    let output = cloakroom(&site, &["jobs", "--url", &moved.url("")]);
    let text = words(&output);
    assert!(
        text.contains("is not a Cloakroom server") && text.contains("https://example.org/"),
        "{text}"
    );
    assert_eq!(code(&site, &["jobs", "--url", &moved.url("")]), Some(1));
}
