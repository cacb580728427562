//! The notifications that systemd gets, with a socket in its place, and the unit file.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::harness::{Site, TEST_TIMEOUT};

/// The next message that has `part` in it.
fn next(socket: &UnixDatagram, part: &str) -> String {
    let mut seen = Vec::new();
    loop {
        let mut bytes = [0; 4096];
        let length = socket
            .recv(&mut bytes)
            .unwrap_or_else(|error| panic!("no {part}: {error}, only {seen:?}"));
        let message = String::from_utf8_lossy(&bytes[..length]).into_owned();
        if message.contains(part) {
            return message;
        }
        seen.push(message);
    }
}

#[test]
fn systemd_is_notified_of_start_reload_and_stop() {
    let site = Site::new();
    let path = site.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let mut command = site.command();
    command.env("NOTIFY_SOCKET", &path);
    let mut server = site.serve_with(command);
    let ready = next(&socket, "READY=1\n");
    assert!(ready.contains("STATUS=listening on http://127."), "{ready}");
    server.signal(Signal::HUP);
    let reloading = next(&socket, "RELOADING=1\n");
    let time = reloading.split("MONOTONIC_USEC=").nth(1);
    let time: u64 = time.expect(&reloading).trim().parse().expect("a number");
    assert!(time > 0);
    next(&socket, "READY=1\n");
    server.client().get("/healthz", 200);
    assert!(server.terminate().success());
    next(&socket, "STOPPING=1\n");
}

#[test]
fn watchdog_is_fed_while_the_server_works() {
    let site = Site::new();
    let path = site.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let mut command = site.command();
    command.env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "400000");
    let server = site.serve_with(command);
    for _ in 0..3 {
        next(&socket, "WATCHDOG=1\n");
    }
    server.stop();
}

#[test]
fn example_unit_is_valid_for_systemd() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/cloakroom.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    for line in ["Type=notify", "WatchdogSec=", "ExecReload="] {
        assert!(text.contains(line), "no {line}");
    }
    // The program is not installed where the tests run.
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("cloakroom.service");
    let text = text.replace("/usr/local/bin/cloakroom", env!("CARGO_BIN_EXE_cloakroom"));
    std::fs::write(&copy, text).expect("a file");
    let Ok(output) = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&copy)
        .output()
    else {
        // This machine has no systemd.
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    let own = errors
        .lines()
        .find(|line| line.contains("cloakroom.service"));
    assert_eq!(own, None, "{errors}");
}
