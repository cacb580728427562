//! When finished jobs expire, and that only the server's own up-time counts.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use humantime::parse_rfc3339;
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Client, Server, Site, incompressible, skipped, wait_for};
use crate::origin::{Origin, reply, write};

/// Short enough to wait for, long enough for a slow machine to poll every job in time.
const IDLE: Duration = Duration::from_secs(2);
/// A job that was unused for this long must be gone: the idle timeout, one second, and half a second for a slow
/// machine.
const GONE: Duration = Duration::from_millis(3500);

fn serve(site: &Site, idle_timeout: &str) -> Server {
    let mut command = site.command();
    command.args(["--idle-timeout", idle_timeout]);
    site.serve_with(command)
}

/// The URLs of a job.
struct Addresses {
    id: String,
    monitor: String,
}

impl Addresses {
    /// Creates a job and waits for its end.
    fn of_ended(server: &Server, path: &str) -> Self {
        let client = server.client();
        let job = client.ended(&client.zip(path));
        assert_eq!(job["status"], "succeeded", "{job}");
        let monitor = job["links"]["monitor"].as_str().expect("a link");
        let own = format!("http://{}", server.address());
        Self {
            id: job["id"].as_str().expect("an id").to_owned(),
            monitor: monitor.strip_prefix(&own).expect("our own").to_owned(),
        }
    }

    fn path(&self, pattern: &str) -> String {
        pattern
            .replace("JOB", &format!("/v1/jobs/{}", self.id))
            .replace("DOWNLOAD", &format!("/v1/downloads/{}", self.id))
            .replace("MONITOR", &self.monitor)
    }

    fn assert_gone(&self, client: Client) {
        for pattern in ["JOB", "DOWNLOAD", "MONITOR", "MONITOR/result"] {
            client.get(&self.path(pattern), 404);
        }
    }
}

fn time(job: &Value, key: &str) -> SystemTime {
    parse_rfc3339(job[key].as_str().expect("a time")).expect("RFC 3339")
}

#[test]
fn idle_job_expires_and_listing_does_not_keep_it() {
    // Each of these uses keeps its own job.
    let ways = [
        ("GET", "JOB", 200),
        ("HEAD", "JOB", 200),
        ("GET", "DOWNLOAD", 200),
        ("HEAD", "DOWNLOAD", 200),
        ("GET", "MONITOR", 303),
        ("GET", "MONITOR/result", 200),
    ];
    let site = Site::new();
    site.write("a", b"a");
    let server = serve(&site, "2s");
    let client = server.client();
    let touched = ways.map(|_| Addresses::of_ended(&server, "/docs/a"));
    let left = Addresses::of_ended(&server, "/docs/a");
    let job = client.get(&left.path("JOB"), 200).json();
    let expires = time(&job, "expiresAt");
    assert_eq!(expires, time(&job, "finishedAt") + IDLE, "{job}");

    // Real time is under test: three times the idle timeout, with a use every quarter of it.
    for _ in 0..12 {
        thread::sleep(IDLE / 4);
        for ((method, pattern, status), addresses) in ways.iter().zip(&touched) {
            client.ask(method, &addresses.path(pattern), &[], b"", *status);
        }
        // Listing is no use.
        client
            .try_ask("GET", "/v1/jobs", &[], b"")
            .expect("a reply");
    }
    left.assert_gone(client);

    // Reading the jobs would keep them.
    thread::sleep(GONE);
    for addresses in &touched {
        addresses.assert_gone(client);
    }
    server.stop();
}

#[test]
fn wall_clock_jumps_expire_no_job_and_ids_stay_ordered() {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    if !Path::new(library).exists() {
        return skipped(&format!("there is no {library}"));
    }
    let site = Site::new();
    site.write("a", b"a");
    let offset_file = site.path().join("offset");
    let jump = |seconds: i64| {
        // By rename, because the server reads the file whenever it asks for the time.
        let draft = site.path().join("draft");
        std::fs::write(&draft, format!("{seconds:+}\n")).expect("a file");
        std::fs::rename(&draft, &offset_file).expect("it is in its place");
    };
    jump(0);
    let mut command = site.command();
    command.args(["--idle-timeout", "1h"]);
    preload(&mut command, library, &offset_file);
    let server = site.serve_with(command);
    let client = server.client();

    let mut jobs = vec![Addresses::of_ended(&server, "/docs/a")];
    let to_1970 = 300 - unix_seconds(SystemTime::now());
    for seconds in [2 * 86_400, -7200, to_1970, 0] {
        jump(seconds);
        // Real time is under test: the server's clock ticks a few times, and reading would keep the jobs.
        thread::sleep(Duration::from_millis(1500));
        for job in &jobs {
            for (pattern, status) in [("JOB", 200), ("DOWNLOAD", 200), ("MONITOR", 303)] {
                client.get(&job.path(pattern), status);
            }
        }
        let job = Addresses::of_ended(&server, "/docs/a");
        let created = time(&client.get(&job.path("JOB"), 200).json(), "createdAt");
        let seen = unix_seconds(created) - unix_seconds(SystemTime::now());
        assert!((seen - seconds).abs() < 60, "{seen} s instead of {seconds}");
        jobs.push(job);
    }
    let ids: Vec<_> = jobs.iter().map(|job| &job.id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    server.stop();
}

fn preload(command: &mut Command, library: &str, offset_file: &Path) {
    command
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", offset_file)
        .env("FAKETIME_NO_CACHE", "1")
        // Timers use the monotonic clock, which does not jump on a real machine either.
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .env("DONT_FAKE_MONOTONIC", "1");
}

fn unix_seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64
}

#[test]
fn time_while_stopped_does_not_count_as_idle() {
    let site = Site::new();
    site.write("a", b"a");
    let server = serve(&site, "5s");
    let client = server.client();
    let job = Addresses::of_ended(&server, "/docs/a");
    server.signal(Signal::STOP);
    // Real time is under test: more than twice the idle timeout.
    thread::sleep(Duration::from_secs(12));
    server.signal(Signal::CONT);
    // The server first handles whatever it takes to be due.
    thread::sleep(Duration::from_millis(500));
    client.get(&job.path("JOB"), 200);
    client.get(&job.path("DOWNLOAD"), 200);
    server.stop();
}

#[test]
fn slow_download_completes_before_its_job_expires() {
    let site = Site::new();
    // More than the socket buffers hold.
    site.write("a", &incompressible(30 << 20));
    let server = serve(&site, "2s");
    let client = server.client();
    let job = client.ended(&client.zip("/docs/a"));
    let (id, output) = (job["id"].as_str().expect("an id"), &job["output"]);
    let length = output["size"].as_u64().expect("a size");

    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    let host = server.address();
    write!(
        stream,
        "GET /v1/downloads/{id} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .expect("it is sent");
    let begin = Instant::now();
    let mut reply = Vec::new();
    // Real time is under test: the download takes three idle timeouts.
    while (&mut stream)
        .take(1 << 20)
        .read_to_end(&mut reply)
        .expect("a piece")
        > 0
    {
        let share = reply.len() as f64 / length as f64;
        let due = begin + (3 * IDLE).mul_f64(share);
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    let body = reply
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .expect("a head's end")
        + 4;
    assert!(reply.starts_with(b"HTTP/1.1 200 "));
    assert_eq!((reply.len() - body) as u64, length);
    assert_eq!(
        json!(hex::encode(Sha256::digest(&reply[body..]))),
        output["sha256"]
    );

    // Reading the job would keep it.
    thread::sleep(GONE);
    client.get(&format!("/v1/jobs/{id}"), 404);
    client.get(&format!("/v1/downloads/{id}"), 404);
    server.stop();
}

#[test]
fn repeatedly_killed_server_still_expires_jobs_and_retries_callbacks() {
    // Shorter than the minute after which a running server stores its clock.
    const LIFE: Duration = Duration::from_millis(2200);
    let site = Site::new();
    site.write("a", b"a");
    let receiver = Origin::new(|ask, stream| {
        let status = ["500 Internal Server Error", "204 No Content"][ask.before.min(1)];
        write(stream, &reply(status, "", b""));
    });
    let start = || site.serve_configured("idle-timeout = '4s'\n[callbacks]\nschedule = ['4s']\n");
    let server = start();
    let client = server.client();
    let path = format!("/v1/operations/zip?callback={}", receiver.url("/"));
    client.post(&path, &json!({ "path": "/docs/a" }), 202);
    let id = client.zip("/docs/a");
    client.ended(&id);
    wait_for("the first attempt", || {
        (!receiver.asked().is_empty()).then_some(())
    });
    server.kill();

    for lives in 1.. {
        let server = start();
        // Real time is under test. Listing is no use.
        thread::sleep(LIFE);
        let list = server.client().get("/v1/jobs", 200).json();
        let mut jobs = list["jobs"].as_array().expect("jobs").iter();
        let is_there = jobs.any(|job| job["id"] == *id);
        let is_called_back = receiver.asked().len() > 1;
        if !is_there && is_called_back {
            server.stop();
            return;
        }
        server.kill();
        assert!(
            lives < 12,
            "there: {is_there}, called back: {is_called_back}"
        );
    }
}

#[test]
fn last_use_of_a_job_survives_a_crash() {
    let site = Site::new();
    site.write("a", b"a");
    let server = serve(&site, "8s");
    let client = server.client();
    let used = Addresses::of_ended(&server, "/docs/a");
    let unused = Addresses::of_ended(&server, "/docs/a");
    // Real time is under test: more than half of the idle timeout, plus the second within which the use is stored.
    thread::sleep(Duration::from_secs(5));
    client.get(&used.path("JOB"), 200);
    thread::sleep(Duration::from_secs(2));
    server.kill();
    let server = serve(&site, "8s");
    thread::sleep(Duration::from_millis(3500));
    server.client().get(&used.path("JOB"), 200);
    unused.assert_gone(server.client());
    server.stop();
}

#[test]
fn idle_server_rarely_writes_its_clock() {
    let site = Site::new();
    site.write("a", b"a");
    let commits = |server: &Server| {
        let text = server.client().get("/metrics", 200).body;
        let text = String::from_utf8(text).expect("text");
        let mut lines = text.lines();
        let count = lines.find_map(|l| l.strip_prefix("cloakroom_commit_duration_seconds_count "));
        count.expect("a count").parse::<f64>().expect("a number")
    };
    let server = serve(&site, "1h");
    let before = commits(&server);
    thread::sleep(Duration::from_millis(3500));
    assert!(
        commits(&server) <= before,
        "the idle server does not commit"
    );
    let job = Addresses::of_ended(&server, "/docs/a");
    let before = commits(&server);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        server.client().get(&job.path("JOB"), 200);
        thread::sleep(Duration::from_millis(50));
    }
    // After 1, 2, 4 and 8 seconds, for the clock or for the use, which may be stored separately.
    let stored = commits(&server) - before;
    assert!((2.0..=8.0).contains(&stored), "{stored}");
    server.stop();
}
