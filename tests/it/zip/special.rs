//! Links, special files, and the server's own files.
#![cfg(unix)]

use std::fs;
use std::io::{Cursor, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use serde_json::json;

use super::{files_in, names_in, zip_ended, zipped};
use crate::harness::Site;
use crate::hostile_trees::{furnish, with_a_private_file};

#[test]
fn inner_links_are_kept_and_skipped_entries_counted() {
    let site = Site::new();
    site.write("folder/a", b"a");
    site.write("folder/sub/b", b"b");
    let folder = site.docs().join("folder");
    let _socket = furnish(
        &folder,
        &[
            ("near", "a"),
            ("sub/up", "../a"),
            ("sub/beside", "../../elsewhere/x"),
            ("dir", "sub"),
            ("out", "../../secret"),
            ("sub/out", "../../../secret"),
            ("absolute", "/etc/passwd"),
        ],
    );
    let server = site.serve();
    let (job, archive) = zipped(&server.client(), &json!({ "path": "/docs/folder" }));
    assert_eq!(
        job["phase"], "Zipped, 3 links, 1 FIFO and 1 socket skipped",
        "{job}"
    );
    let expected = [
        "",
        "a",
        "dir",
        "near",
        "sub/",
        "sub/b",
        "sub/beside",
        "sub/up",
    ];
    assert_eq!(
        names_in(&archive),
        expected.map(|path| format!("folder/{path}"))
    );
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    for (name, target) in [
        ("folder/dir", "sub"),
        ("folder/sub/beside", "../../elsewhere/x"),
    ] {
        let mut entry = archive.by_name(name).expect("it is there");
        assert!(
            entry.is_symlink() && entry.unix_mode() == Some(0o120_777),
            "{name}"
        );
        let mut said = String::new();
        entry.read_to_string(&mut said).expect("its target");
        assert_eq!(said, target);
    }
    server.stop();
}

#[test]
fn path_may_lead_through_links_inside_the_root() {
    let site = Site::new();
    site.write("real/sub/a", b"a");
    symlink("real", site.docs().join("alias")).expect("a link");
    symlink("../alias/sub", site.docs().join("real/again")).expect("a link");
    let server = site.serve();
    let client = server.client();
    let (job, archive) = zipped(&client, &json!({ "path": "/docs/alias/again" }));
    assert_eq!(job["output"]["filename"], "again.zip");
    assert_eq!(names_in(&archive), ["again/", "again/a"]);
    let (_, archive) = zipped(&client, &json!({ "path": "/docs/alias/again/a" }));
    assert_eq!(names_in(&archive), ["a"]);
    server.stop();
}

#[test]
fn modes_and_unusual_names_are_kept() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let site = Site::new();
    let names = [
        &b"12:30 ~.txt"[..],
        b"a\\b",
        b"bad\xffname",
        b"new\nline",
        "ä".as_bytes(),
        b"..x",
    ];
    for name in names {
        site.write("folder/x", name);
        let folder = site.docs().join("folder");
        fs::rename(folder.join("x"), folder.join(OsStr::from_bytes(name))).expect("a name");
    }
    let tool = site.docs().join("folder/..x");
    fs::set_permissions(&tool, fs::Permissions::from_mode(0o751)).expect("a mode");
    let server = site.serve();
    let (_, archive) = zipped(&server.client(), &json!({ "path": "/docs/folder" }));
    let files = files_in(&archive);
    for name in [
        "12:30 ~.txt",
        "a_b",
        "bad\u{fffd}name",
        "new\nline",
        "ä",
        "..x",
    ] {
        assert!(
            files.contains_key(&format!("folder/{name}")),
            "{name}: {:?}",
            files.keys()
        );
    }
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("an archive");
    let tool = archive.by_name("folder/..x").expect("it is there");
    assert_eq!(tool.unix_mode(), Some(0o100_751));
    drop(tool);
    server.stop();
}

#[test]
fn server_files_are_never_archived_by_any_path() {
    let site = Site::new();
    site.write("folder/a", b"a");
    let mut command = site.command();
    command
        .arg("--root")
        .arg(format!("all={}", site.path().display()));
    let server = site.serve_with(command);
    let client = server.client();
    for name in [
        "cloakroom.db",
        "cloakroom.db-wal",
        "cloakroom.db-shm",
        "lock",
    ] {
        let link = site.docs().join("folder").join(name);
        fs::hard_link(site.data().join(name), link).expect("a hard link");
    }
    symlink("data", site.path().join("alias")).expect("a link");
    // SQLite holds locks on these files; closing any descriptor of them would have released the locks.
    let database = fs::metadata(site.data().join("cloakroom.db")).expect("the database");
    let held = || {
        let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
        let inode = format!(":{} ", database.ino());
        locks
            .lines()
            .filter(|line| line.contains("POSIX") && line.contains(&inode))
            .count()
    };
    let before = held();

    let (_, archive) = zipped(&client, &json!({ "path": ["/docs/folder", "/all"] }));
    assert_eq!(
        names_in(&archive),
        [
            "folder/",
            "folder/a",
            "all/",
            "all/alias",
            "all/docs/",
            "all/docs/folder/",
            "all/docs/folder/a"
        ]
    );
    for path in [
        "/docs/folder/cloakroom.db",
        "/docs/folder/lock",
        "/all/data",
        "/all/data/x",
        "/all/alias/lock",
    ] {
        let job = zip_ended(&client, &json!({ "path": path }));
        assert_eq!(job["error"]["code"], "source_not_found", "{path}: {job}");
        let message = job["error"]["message"].as_str().expect("a message");
        assert!(message.contains("the server's own data"), "{message}");
    }
    assert_eq!(held(), before);
    let mut second = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    second
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(site.docs().join("folder"));
    let output = second
        .env("CLOAKROOM_LOG", "error")
        .output()
        .expect("it ends");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    server.stop();
}

#[test]
fn unreadable_file_fails_the_job_and_is_named() {
    let site = Site::new();
    let Some(command) = with_a_private_file(&site) else {
        return;
    };
    let server = site.serve_with(command);
    let job = zip_ended(&server.client(), &json!({ "path": "/docs/folder" }));
    assert_eq!(job["error"]["code"], "source_unreadable", "{job}");
    let message = job["error"]["message"].as_str().expect("a message");
    assert!(message.contains("private"), "{message}");
    server.stop();
}

#[test]
fn too_deeply_nested_folders_fail_the_job() {
    let site = Site::new();
    site.write("folder/a", b"a");
    let mut dir = rustix::fs::open(
        site.docs().join("folder"),
        rustix::fs::OFlags::DIRECTORY,
        rustix::fs::Mode::empty(),
    )
    .expect("a folder");
    for _ in 0..400 {
        rustix::fs::mkdirat(&dir, "d", rustix::fs::Mode::from_raw_mode(0o700)).expect("a folder");
        let flags = rustix::fs::OFlags::DIRECTORY;
        dir = rustix::fs::openat(&dir, "d", flags, rustix::fs::Mode::empty()).expect("a folder");
    }
    let server = site.serve();
    let job = zip_ended(&server.client(), &json!({ "path": "/docs/folder" }));
    assert_eq!(job["error"]["code"], "over_limit", "{job}");
    server.stop();
}
