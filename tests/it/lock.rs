//! One server to one file, and no file but ours.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::Site;

/// A start that must fail with this exit code; gives what it says.
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
fn a_second_server_on_the_same_data_is_refused_whatever_path_leads_there() {
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

    // The first is none the worse.
    let id = server.client().zip("/docs/a");
    assert_eq!(server.client().ended(&id)["status"], "succeeded");
    server.stop();
}

#[test]
fn a_file_that_is_not_ours_is_left_untouched() {
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
    check(&b"garbage ".repeat(1000), "not SQLite's format");
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
fn a_data_folder_that_cannot_be_used_is_said_in_one_line() {
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
