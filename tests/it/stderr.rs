//! Servers whose standard error cannot be written: only the log is lost.

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::{Value, json};

use crate::harness::{Server, Site, TEST_TIMEOUT, skipped, wait_for};
use crate::origin::{Origin, reply};

/// A full pipe, so that the next write blocks.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    set_nonblocking(&writer, true);
    let lines = b"x\n".repeat(32768);
    while writer.write(&lines).is_ok() {}
    (reader, writer)
}

/// For all holders of this end of the pipe.
fn set_nonblocking(writer: &PipeWriter, is_nonblocking: bool) {
    let mut flags = fcntl_getfl(writer).expect("its flags");
    flags.set(OFlags::NONBLOCK, is_nonblocking);
    fcntl_setfl(writer, flags).expect("its flags");
}

/// A server that logs everything to this stream.
fn serve(site: &Site, stderr: impl Into<Stdio>) -> Server {
    let config = site.path().join("cloakroom.toml");
    std::fs::write(&config, "[operations.hello]\ncommand = ['echo', 'hello']\n").expect("a file");
    let mut command = site.command();
    command.arg("--config").arg(config);
    command.env("CLOAKROOM_LOG", "trace").stderr(stderr);
    site.serve_with(command)
}

/// Jobs of each kind succeed, each callback is delivered, and the server stops gracefully.
fn check(site: &Site, server: Server, what: &str) {
    let client = server.client();
    let receiver = Origin::saying(reply("204 No Content", "", b""));
    site.write("a", b"a");
    // Each job and each callback writes some lines.
    for n in 0..4 {
        let callback = format!("?callback={}", receiver.url("/"));
        for (operation, params) in [
            ("zip", json!({ "path": "/docs/a" })),
            (
                "copy",
                json!({ "from": "/docs/a", "to": format!("/docs/b{n}") }),
            ),
            ("hello", json!({})),
        ] {
            let path = format!("/v1/operations/{operation}{callback}");
            let job = client.post(&path, &params, 202).json();
            let job = client.ended(job["id"].as_str().expect("an id"));
            assert_eq!(job["status"], "succeeded", "{what}: {job}");
        }
    }
    wait_for("the callbacks", || {
        let jobs = client.get("/v1/jobs", 200).json();
        let jobs = jobs["jobs"].as_array().expect("a list").clone();
        jobs.iter()
            .all(|job| job["callback"]["state"] == "delivered")
            .then_some(())
    });
    client.get("/readyz", 200);
    server.stop();
}

#[test]
fn server_continues_when_its_log_cannot_be_written() {
    let site = Site::new();
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    check(&site, serve(&site, writer), "a reader that is gone");

    let site = Site::new();
    let full = File::options().write(true).open("/dev/full");
    check(&site, serve(&site, full.expect("a device")), "a full disk");

    for is_nonblocking in [false, true] {
        let site = Site::new();
        let (_stuck, writer) = full_pipe();
        set_nonblocking(&writer, is_nonblocking);
        check(&site, serve(&site, writer), "a reader that is stuck");
    }
}

#[test]
fn log_reader_may_exit_while_jobs_run() {
    let site = Site::new();
    let (reader, writer) = io::pipe().expect("a pipe");
    let server = serve(&site, writer);
    drop(reader);
    check(&site, server, "a reader that goes");
}

#[test]
fn closed_standard_streams_are_not_reused_for_other_files() {
    let site = Site::new();
    let serve = site.command();
    let mut closed = Command::new("sh");
    closed.args(["-c", "exec \"$@\" <&- 2>&-", "sh"]);
    closed.arg(serve.get_program()).args(serve.get_args());
    closed.env("CLOAKROOM_LOG", "trace");
    let server = site.serve_with(closed);
    for stream in [0, 2] {
        let stream = std::fs::read_link(format!("/proc/{}/fd/{stream}", server.pid()));
        assert_eq!(stream.expect("it is open").to_str(), Some("/dev/null"));
    }
    site.write("a", b"a");
    let id = server.client().zip("/docs/a");
    assert_eq!(server.client().ended(&id)["status"], "succeeded");
    server.stop();
}

#[test]
fn server_starts_with_unwritable_stdout() {
    let site = Site::new();
    let full = File::options().write(true).open("/dev/full");
    let (_stuck, stuck) = full_pipe();
    set_nonblocking(&stuck, false);
    for stdout in [Stdio::from(full.expect("a device")), stuck.into()] {
        let mut server = site.command().stdout(stdout).spawn().expect("it starts");
        let announced = wait_for("the file that says where it listens", || {
            let announced = std::fs::read(site.data().join("server.json")).ok()?;
            serde_json::from_slice::<Value>(&announced).ok()
        });
        assert!(announced["urls"][0].is_string(), "{announced}");
        let pid = rustix::process::Pid::from_child(&server);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        let status = wait_for("its end", || server.try_wait().expect("its status"));
        assert!(status.success(), "{status}");
    }
}

#[test]
fn lost_log_lines_are_counted() {
    // Each job writes a line of some 190 bytes when it ends; 256 KiB of lines are buffered.
    const JOBS: usize = 2000;
    let site = Site::new();
    let (stuck, writer) = full_pipe();
    set_nonblocking(&writer, false);
    let server = serve(&site, writer);
    let client = server.client();
    let mut id = Value::Null;
    for _ in 0..JOBS {
        let params = json!({ "path": "/docs/missing" });
        id = client.post("/v1/operations/zip", &params, 202).json()["id"].clone();
    }
    client.ended(id.as_str().expect("an id"));
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stuck).lines() {
            let line = line.expect("text");
            if !line.starts_with('x') && sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut written = 0;
    let lost = loop {
        let line = lines.recv_timeout(TEST_TIMEOUT).expect("a line");
        if line.contains("job failed") {
            written += 1;
        } else if let Some((_, number)) = line.rsplit_once("lines=")
            && line.contains("log lines were lost")
        {
            break number.parse::<usize>().expect("a number");
        }
    };
    assert!(written > 500, "{written} lines were kept");
    assert!(lost + written + 10 >= JOBS, "{lost} and {written}");
    server.stop();
}

#[test]
fn log_resumes_when_the_disk_has_room_again() {
    let site = Site::new();
    let folder = site.path().join("log");
    let arguments = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
    let Some(_mount) = crate::harness::Mount::new(&arguments, &folder) else {
        return skipped("a small disk takes root");
    };
    let log = folder.join("log");
    let file = File::options().create(true).append(true).open(&log);
    let mut filler = File::create(folder.join("filler")).expect("a file");
    while filler.write(&[0; 512]).is_ok() {}
    let server = serve(&site, file.expect("a file"));
    let client = server.client();
    site.write("a", b"a");
    client.ended(&client.zip("/docs/a"));
    drop(filler);
    std::fs::remove_file(folder.join("filler")).expect("it is there");
    let text = wait_for("a line about the lines that are lost", || {
        client.ended(&client.zip("/docs/a"));
        let text = std::fs::read_to_string(&log).expect("a log");
        text.contains("log lines were lost").then_some(text)
    });
    assert!(text.contains("attempt ended"), "{text}");
    server.stop();
}

#[test]
fn log_lines_escape_client_input() {
    let site = Site::new();
    let log = site.path().join("log");
    let server = serve(&site, File::create(&log).expect("a file"));
    let client = server.client();
    let evil = "/docs/a\u{1b}]0;x\u{7}\n2026 INFO forged";
    let job = client
        .post("/v1/operations/zip", &json!({ "path": evil }), 202)
        .json();
    client.ended(job["id"].as_str().expect("an id"));
    server.stop();
    let text = std::fs::read_to_string(log).expect("a log");
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{7}'),
        "{text}"
    );
    let forged = text.lines().any(|line| line.starts_with("2026 INFO"));
    assert!(!forged, "{text}");
}
