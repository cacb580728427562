//! One server per data folder, and no changes to foreign files.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::harness::{Site, TEST_TIMEOUT, wait_for};

/// Starts a server that must fail with this exit code; returns its error output.
fn refused(mut command: Command, code: i32) -> String {
    let output = command.output().expect("it ends");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{message}");
    message
}

fn serve_on(site: &Site, data: &Path) -> Command {
    let mut command = site.command();
    command.env("CLOAKROOM_LOG", "error");
    let mut other = Command::new(command.get_program());
    other
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    other
}

#[cfg(unix)]
#[test]
fn second_server_on_the_same_data_is_rejected_by_any_path() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let message = refused(serve_on(&site, &site.data()), 3);
    assert!(message.contains("in use by process"), "{message}");

    let link = site.path().join("link");
    std::os::unix::fs::symlink(site.data(), &link).expect("a link");
    refused(serve_on(&site, &link), 3);

    let hard = site.path().join("hard");
    fs::create_dir(&hard).expect("a folder");
    fs::hard_link(site.data().join("cloakroom.db"), hard.join("cloakroom.db"))
        .expect("a hard link");
    refused(serve_on(&site, &hard), 3);

    // The first server is unaffected.
    let id = server.client().zip("/docs/a");
    assert_eq!(server.client().ended(&id)["status"], "succeeded");
    server.stop();
}

#[test]
fn foreign_database_file_is_left_untouched() {
    let check = |bytes: &[u8], expected: &str| {
        let site = Site::new();
        fs::create_dir(site.data()).expect("a folder");
        let path = site.data().join("cloakroom.db");
        fs::write(&path, bytes).expect("a file");
        let message = refused(serve_on(&site, &site.data()), 3);
        assert!(message.contains(expected), "{message}");
        assert_eq!(fs::read(&path).expect("it is there"), bytes);
        let names: Vec<_> = fs::read_dir(site.data())
            .expect("a folder")
            .map(|e| e.expect("an entry").file_name())
            .collect();
        assert_eq!(
            names.len(),
            2,
            "the file and the lock, no journal: {names:?}"
        );
    };
    check(b"", "too short");
    check(&b"garbage ".repeat(1000), "not an SQLite database");
    let database = |application_id: i32, user_version: i32| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.db");
        let connection = rusqlite::Connection::open(&path).expect("a database");
        connection
            .pragma_update(None, "application_id", application_id)
            .expect("an id");
        connection
            .pragma_update(None, "user_version", user_version)
            .expect("a version");
        connection
            .execute_batch("create table t (a)")
            .expect("a table");
        drop(connection);
        fs::read(path).expect("its bytes")
    };
    check(&database(0, 0), "another application");
    check(&database(0x636c_6f6b, 1), "another application");
    check(&database(0x436c_6f6b, 999), "schema version 999");
}

#[test]
fn unusable_data_folder_is_reported_in_one_line() {
    let site = Site::new();
    fs::write(site.data(), "a file").expect("a file");
    let message = refused(serve_on(&site, &site.data()), 3);
    assert_eq!(message.lines().count(), 1, "{message}");
    let taken = Site::new();
    let server = taken.serve();
    let mut command = serve_on(&site, &site.path().join("other"));
    command.args(["--listen", &server.address().to_string()]);
    refused(command, 4);
    refused(
        {
            let mut command = serve_on(&site, &site.path().join("other"));
            command.args(["--root", "/nonexistent"]);
            command
        },
        2,
    );
    server.stop();
}

/// Locks the database from another process, until dropped.
fn hold(site: &Site) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(site.data().join("cloakroom.db"));
    let connection = connection.expect("a database");
    connection.busy_timeout(TEST_TIMEOUT).expect("a time-out");
    connection
        .execute_batch("begin immediate")
        .expect("the lock");
    connection
}

#[test]
fn request_waits_for_a_briefly_locked_database() {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let foreign = hold(&site);
    let submit = std::thread::spawn(move || client.zip("/docs/a"));
    // Requests that do not write are still answered.
    for _ in 0..100 {
        client.get("/v1/jobs", 200);
    }
    drop(foreign);
    let id = submit.join().expect("it is taken on");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    server.stop();
}

#[test]
fn database_locked_by_another_process_rejects_clients_and_jobs_continue() {
    let site = Site::new();
    site.write("a", b"a");
    let sign = site.path().join("sign");
    // Longer than a chunk, so that part of its result is stored before it ends.
    let server = site.serve_configured(&format!(
        "[operations.c]\ncommand = ['sh', '-c', 'until [ -e {} ]; do sleep 0.01; done; head -c 600000 /dev/zero']\n",
        sign.display()
    ));
    let client = server.client();
    let old = client.zip("/docs/a");
    client.ended(&old);
    let running = client.post("/v1/operations/c", &json!({}), 202).json();
    let running = running["id"].as_str().expect("an id");
    wait_for("it to run", || {
        let job = client.get(&format!("/v1/jobs/{running}"), 200).json();
        (job["status"] == "running").then_some(())
    });

    let foreign = hold(&site);
    std::fs::write(&sign, b"").expect("a file");
    let busy = |method: &str, path: &str, body: &[u8]| {
        let headers = [("content-type", "application/json")];
        let refused = client.ask(method, path, &headers, body, 503);
        assert_eq!(refused.json()["code"], "database_busy");
        let seconds = refused.header("retry-after").parse::<u32>();
        assert!(seconds.is_ok_and(|seconds| seconds >= 1), "{refused:?}");
    };
    std::thread::scope(|scope| {
        // Submissions that wait together are rejected together.
        for _ in 0..20 {
            scope.spawn(|| busy("POST", "/v1/operations/zip", br#"{"path":"/docs/a"}"#));
        }
        scope.spawn(|| busy("DELETE", &format!("/v1/jobs/{old}"), b""));
        let reads = scope.spawn(|| {
            for _ in 0..20 {
                client.get(&format!("/v1/downloads/{old}"), 200);
                client.get("/v1/jobs", 200);
                client.get("/healthz", 200);
            }
        });
        reads.join().expect("reads go on");
    });
    let job = client.get(&format!("/v1/jobs/{running}"), 200).json();
    assert_eq!(job["status"], "running", "its end waits for the disk");

    drop(foreign);
    let job = client.ended(running);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(job["output"]["size"], 600_000, "{job}");
    let id = client.zip("/docs/a");
    assert_eq!(client.ended(&id)["status"], "succeeded");
    client.ask("DELETE", &format!("/v1/jobs/{old}"), &[], b"", 200);
    server.stop();
}
