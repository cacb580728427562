//! The notifications that systemd gets, with a socket in its place, the sockets that systemd passes, and the unit files.

use std::fs::{Permissions, metadata, set_permissions};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Site, TEST_TIMEOUT, through};

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

/// A socket in place of systemd's, and a command that starts a server with it.
fn notifying(site: &Site) -> (UnixDatagram, Command) {
    let path = site.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let mut command = site.command();
    command.env("NOTIFY_SOCKET", &path);
    (socket, command)
}

#[test]
fn systemd_is_notified_of_start_reload_and_stop() {
    let site = Site::new();
    let (socket, command) = notifying(&site);
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
    let (socket, mut command) = notifying(&site);
    command.env("WATCHDOG_USEC", "400000");
    let server = site.serve_with(command);
    for _ in 0..3 {
        next(&socket, "WATCHDOG=1\n");
    }
    server.stop();
}

#[test]
fn example_units_are_valid_for_systemd() {
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
    let socket = folder.path().join("cloakroom.socket");
    std::fs::copy(unit.with_extension("socket"), &socket).expect("the socket unit");
    let Ok(output) = Command::new("systemd-analyze")
        .arg("verify")
        .args([&copy, &socket])
        .output()
    else {
        // This machine has no systemd.
        return;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    let own = errors
        .lines()
        .find(|line| line.contains("cloakroom.service") || line.contains("cloakroom.socket"));
    assert_eq!(own, None, "{errors}");
}

/// A server without `--listen`.
fn serve(site: &Site) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.arg("serve").arg("--data").arg(site.data());
    command.args(["--announce", "json", "--log", "info"]);
    command
}

/// The command, started as by systemd with one passed descriptor.
fn activated(command: &Command, passed: impl Into<OwnedFd>) -> Command {
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"";
    started_by(script, command, passed)
}

/// The command, started by a shell with the descriptor as standard input.
fn started_by(script: &str, command: &Command, passed: impl Into<OwnedFd>) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script, "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::from(passed.into()));
    shell
}

fn announced_urls(site: &Site) -> Value {
    let text = std::fs::read(site.data().join("server.json")).expect("the server's file");
    let announced: Value = serde_json::from_slice(&text).expect("JSON");
    announced["urls"].clone()
}

#[test]
fn passed_tcp_socket_replaces_the_default_address() {
    let site = Site::new();
    let config = site.path().join("cloakroom.toml");
    let text = "[operations.environment]\ncommand = ['env']\noutput = { media-type = 'text/plain' }\n\
                env = ['LISTEN_FDS', 'LISTEN_PID']\n";
    std::fs::write(&config, text).expect("a file");
    let notify_path = site.path().join("notify");
    let notify = UnixDatagram::bind(&notify_path).expect("a socket");
    notify
        .set_read_timeout(Some(TEST_TIMEOUT))
        .expect("a socket");
    let log = site.path().join("log");
    let socket = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let address = socket.local_addr().expect("an address");
    let mut command = serve(&site);
    command.arg("--config").arg(&config);
    let mut command = activated(&command, socket.try_clone().expect("a descriptor"));
    command
        .env("NOTIFY_SOCKET", &notify_path)
        .stderr(std::fs::File::create(&log).expect("a file"));
    let mut server = site.serve_with(command);
    assert_eq!(server.address(), address);
    assert_eq!(announced_urls(&site), json!([format!("http://{address}")]));
    let path = "/v1/operations/environment";
    let client = server.client();
    let reply = client.ask("POST", path, &[("prefer", "wait=30")], b"", 200);
    let text = String::from_utf8_lossy(&reply.body);
    assert!(
        text.contains("PATH=") && !text.contains("LISTEN_"),
        "{text}"
    );
    // The default address is no change that needs a restart.
    next(&notify, "READY=1\n");
    server.signal(Signal::HUP);
    next(&notify, "READY=1\n");
    assert!(server.terminate().success());
    let log = std::fs::read_to_string(log).expect("the log");
    assert!(log.contains("the configuration was reloaded"), "{log}");
    assert!(!log.contains("need a restart"), "{log}");
    // The socket stays open: a client that connects between two servers waits.
    TcpStream::connect(address).expect("a connection");
}

#[test]
fn passed_unix_socket_is_served_besides_listen_and_left_alone() {
    let site = Site::new();
    let path = site.path().join("socket");
    let socket = UnixListener::bind(&path).expect("a socket");
    set_permissions(&path, Permissions::from_mode(0o666)).expect("a mode");
    let state = || metadata(&path).map(|found| (found.ino(), found.mode() & 0o777, found.ctime()));
    let before = state().expect("a socket");
    let mut command = serve(&site);
    command.args(["--listen", "127.0.0.1:0"]);
    let server = site.serve_with(activated(&command, socket));
    server.client().get("/healthz", 200);
    let request = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let reply = through(&path, request).expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let urls = [
        format!("http://{}", server.address()),
        format!("unix:{}", path.display()),
    ];
    assert_eq!(announced_urls(&site), json!(urls));
    server.stop();
    assert_eq!(state().expect("the socket is still there"), before);
}

/// Checks that a server with the descriptor ends with this exit code and message, and has written nothing.
fn check_refused(passed: impl Into<OwnedFd>, code: i32, message: &str) {
    let site = Site::new();
    let output = activated(&serve(&site), passed).output().expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(message), "{errors}");
    assert!(!site.data().join("cloakroom.db").exists());
}

#[test]
fn passed_descriptors_that_are_no_listeners_are_refused() {
    let message =
        "descriptor 3, passed by LISTEN_FDS, is not a listening TCP or Unix stream socket";
    let any_port = "127.0.0.1:0";
    check_refused(UdpSocket::bind(any_port).expect("a socket"), 4, message);
    check_refused(UnixDatagram::unbound().expect("a socket"), 4, message);
    check_refused(tempfile::tempfile().expect("a file"), 4, message);
    let listener = TcpListener::bind(any_port).expect("a socket");
    let address = listener.local_addr().expect("an address");
    let connected = TcpStream::connect(address).expect("a connection");
    check_refused(connected, 4, message);
    let (connected, _peer) = UnixStream::pair().expect("a pair");
    check_refused(connected, 4, message);
    let name = format!("cloakroom-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).expect("an address");
    let abstract_name = UnixListener::bind_addr(&address).expect("a socket");
    check_refused(abstract_name, 4, "is a Unix socket without a path");
}

#[test]
fn passed_socket_beyond_loopback_requires_tokens() {
    let socket = TcpListener::bind("0.0.0.0:0").expect("a socket");
    check_refused(socket, 2, "no tokens are configured");
}

#[test]
fn sockets_passed_to_another_process_are_ignored() {
    let site = Site::new();
    let socket = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let mut command = serve(&site);
    command.args(["--listen", "127.0.0.1:0"]);
    let script = "exec 3<&0 0</dev/null; export LISTEN_PID=1 LISTEN_FDS=1; exec \"$@\"";
    let server = site.serve_with(started_by(script, &command, socket));
    let own = format!("http://{}", server.address());
    assert_eq!(announced_urls(&site), json!([own]));
    server.stop();
}

#[test]
fn invalid_number_of_passed_descriptors_is_refused() {
    let site = Site::new();
    let script = "export LISTEN_PID=$$ LISTEN_FDS=many; exec \"$@\"";
    let nothing = std::fs::File::open("/dev/null").expect("a file");
    let output = started_by(script, &serve(&site), nothing).output();
    let output = output.expect("it ends");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{errors}");
    assert!(
        errors.contains("LISTEN_FDS: expected a number of descriptors, found \"many\""),
        "{errors}"
    );
}
