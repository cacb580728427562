//! Servers started by another program: announcement, discovery, and exit with the parent.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{Client, Site, skipped, through, wait_for};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

#[test]
fn run_token_is_reported_and_not_stored() {
    let site = Site::new();
    site.write("a", b"a");
    let mut first = None;
    for run in 1..=2 {
        let mut command = site.command();
        command.arg("--token-per-run").stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("a line");
        let announced: Value = serde_json::from_str(&line).expect("JSON");
        let file = site.data().join("server.json");
        let written = std::fs::read_to_string(&file).expect("a file");
        assert_eq!(written, line);
        let mode = std::fs::metadata(&file).expect("a file").mode();
        assert_eq!(mode & 0o777, 0o600);
        let token = announced["token"].as_str().expect("a token").to_owned();
        assert!(!site.data().join("tokens").exists());

        let address = announced["urls"][0].as_str().expect("a URL");
        let client = Client::new(
            address
                .strip_prefix("http://")
                .expect("http")
                .parse()
                .expect("an address"),
        );
        client.get("/v1/jobs", 401);
        let shown = format!("Bearer {token}");
        match &first {
            None => {
                let job = client.zip_as(&shown, "/docs/a");
                first = Some((token, job["id"].as_str().expect("an id").to_owned()));
            }
            // The token is new, the jobs are kept.
            Some((old, id)) => {
                assert_ne!(*old, token);
                let old = format!("Bearer {old}");
                let path = format!("/v1/jobs/{id}");
                client.ask("GET", &path, &[("authorization", &old)], b"", 401);
                client.ask("GET", &path, &[("authorization", &shown)], b"", 200);
            }
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        assert!(child.wait().expect("it ends").success(), "run {run}");
        assert!(!file.exists(), "it is gone after a clean stop");
    }
    site.check_tables();
}

#[test]
fn stale_address_file_is_replaced_by_the_next_server() {
    let site = Site::new();
    let server = site.serve();
    let file = site.data().join("server.json");
    let read = || -> Value {
        serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON")
    };
    let first = read();
    assert_eq!(first["token"], Value::Null);
    server.kill();
    assert!(file.exists());
    let server = site.serve();
    assert_eq!(read()["urls"][0], format!("http://{}", server.address()));
    server.stop();
    assert!(!file.exists());
}

#[test]
fn server_exits_with_its_parent() {
    let site = Site::new();
    site.write_zeros("zeros", 4 << 30);
    let mut command = site.command();
    command.args(["--exit-with-parent", "--drain-timeout", "0s"]);
    command.stdin(Stdio::piped());
    let mut server = site.serve_with(command);
    // A graceful stop: running jobs go back to the queue.
    let id = server.client().zip("/docs/zeros");
    drop(server.take_stdin());
    assert!(server.wait().success());
    site.check_tables();
    let server = site.serve();
    let job = server.client().get(&format!("/v1/jobs/{id}"), 200).json();
    assert_eq!(job["finishedAt"], Value::Null, "{job}");
    server.kill();
}

#[test]
fn exit_with_parent_rejects_closed_stdin() {
    let site = Site::new();
    let refused = |mut command: Command| {
        let output = command.output().expect("it ends");
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains("--exit-with-parent"), "{message}");
        assert!(!site.data().exists(), "nothing was touched");
    };
    let mut null = site.command();
    null.arg("--exit-with-parent").stdin(Stdio::null());
    refused(null);
    let serve = site.command();
    let mut closed = Command::new("sh");
    closed
        .args(["-c", "exec \"$@\" <&-", "sh"])
        .arg(serve.get_program());
    closed.args(serve.get_args()).arg("--exit-with-parent");
    refused(closed);
}

#[test]
fn unix_socket_is_private_to_its_owner() {
    let site = Site::new();
    let socket = site.path().join("socket");
    let mut command = site.command();
    command
        .arg("--listen")
        .arg(format!("unix:{}", socket.display()));
    let server = site.serve_with(command);
    let mode = std::fs::symlink_metadata(&socket).expect("a socket").mode();
    assert_eq!(mode & 0o777, 0o600);
    // The same server on both listeners.
    server.client().get("/healthz", 200);
    let reply = through(&socket, HEALTH).expect("a reply");
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    let status = |host: &str| {
        let reply = through(&socket, &HEALTH.replace("localhost", host)).expect("a reply");
        reply.split(' ').nth(1).expect("a status").to_owned()
    };
    assert_eq!(status("evil.test"), "421");
    assert_eq!(status("127.0.0.1"), "421");
    let announced = std::fs::read_to_string(site.data().join("server.json")).expect("a file");
    assert!(
        announced.contains(&format!("unix:{}", socket.display())),
        "{announced}"
    );

    // All users may enter the folder, so that only the socket's own mode protects it.
    std::fs::set_permissions(site.path(), std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let script = "import socket,sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])";
    let connect = format!("python3 -c '{script}' {}", socket.display());
    let mut other_user = Command::new("su");
    other_user.args(["nobody", "-s", "/bin/sh", "-c"]);
    match other_user.arg(&connect).output() {
        Ok(output) if rustix::process::geteuid().is_root() => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains("PermissionError"), "{said}");
            let own = Command::new("sh").args(["-c", &connect]).status();
            assert!(own.expect("it runs").success(), "the owner may connect");
        }
        _ => skipped("running as another user takes su and root"),
    }
    server.stop();
    assert!(!socket.exists(), "removed with the server");
}

#[test]
fn only_the_socket_of_a_dead_server_is_replaced() {
    let (site, other) = (Site::new(), Site::new());
    let socket = site.path().join("socket");
    let listen = |site: &Site| {
        let mut command = site.command();
        command
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()));
        command
    };
    let inode = || std::fs::symlink_metadata(&socket).expect("a socket").ino();
    let server = site.serve_with(listen(&site));
    let first = inode();
    // Neither by a server with other data nor by one with the same data.
    let code = |mut command: Command| command.output().expect("it ends").status.code();
    assert_eq!(code(listen(&other)), Some(4));
    assert_eq!(code(listen(&site)), Some(3));
    assert_eq!(inode(), first);
    assert!(
        through(&socket, HEALTH)
            .expect("a reply")
            .starts_with("HTTP/1.1 200")
    );
    server.kill();
    assert!(through(&socket, HEALTH).is_err(), "the server is gone");
    let server = site.serve_with(listen(&site));
    let reply = wait_for("a reply", || through(&socket, HEALTH).ok());
    assert!(reply.starts_with("HTTP/1.1 200"));
    server.stop();

    // Files that are no sockets are kept.
    std::fs::write(&socket, b"mine").expect("a file");
    assert_eq!(code(listen(&site)), Some(4));
    let kept = std::fs::symlink_metadata(&socket)
        .expect("it is there")
        .file_type();
    assert!(!kept.is_socket());
}
