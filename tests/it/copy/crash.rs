//! Copies that are interrupted by a crash.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::{assert_same, names, report, submit};
use crate::harness::{Gate, Site, incompressible, wait_for};

/// Creates a tree with this number of files of up to some kilobytes.
fn plant(site: &Site, files: usize) {
    let bytes = incompressible(20_000);
    for number in 0..files {
        let length = number * 7919 % 9000;
        let path = format!("tree/{}/{}/{number}", number % 13, number % 7);
        site.write(&path, &bytes[number % 10_000..][..length]);
    }
}

/// The staging path of a copy.
fn aside(site: &Site) -> PathBuf {
    let entries = fs::read_dir(site.docs()).expect("a folder");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let is_aside = |path: &PathBuf| path.extension().is_some_and(|e| e == "part");
    paths.find(is_aside).expect("a copy under way")
}

/// Starts a copy on a server that crashes at a failpoint; returns the job's id.
fn die(site: &Site, fault: &str, conflict: &str) -> String {
    let mut command = site.command();
    command.env("CLOAKROOM_FAULT", fault);
    let mut server = site.serve_with(command);
    let params = json!({ "from": "/docs/tree", "to": "/docs/copy", "conflict": conflict });
    let id = submit(&server.client(), &params);
    assert!(!server.wait().success());
    id
}

/// Waits for the job on the next server; returns it.
fn finish(site: &Site, id: &str) -> Value {
    let server = site.serve();
    let client = server.client();
    let job = client.ended(id);
    assert_eq!(job["status"], "succeeded", "{job}");
    let report = report(&client, &job);
    server.stop();
    report
}

#[test]
fn killed_copy_resumes_without_recopying_complete_files() {
    let files =
        std::env::var("CLOAKROOM_TEST_FILES").map_or(3000, |n| n.parse().expect("a number"));
    let site = Site::new();
    plant(&site, files);
    let mut id = None;
    for death in 1..=3 {
        let mut command = site.command();
        command.env(
            "CLOAKROOM_FAULT",
            format!("copied-file:{}", files * death / 4),
        );
        let Ok(mut server) = site.try_serve_with(command) else {
            // The server resumed the copy and crashed before it had announced its address.
            continue;
        };
        let params = json!({ "from": "/docs/tree", "to": "/docs/copy" });
        id.get_or_insert_with(|| submit(&server.client(), &params));
        assert!(!server.wait().success());
        assert_eq!(names(&site.docs()).len(), 2, "{:?}", names(&site.docs()));
    }
    let report = finish(&site, &id.expect("it was submitted"));
    assert_eq!(report["files"], files, "{report}");
    let resumed = report["resumed"].as_u64().expect("a number") as usize;
    // All files except those in progress at the crash.
    assert!(resumed + 20 > files * 3 / 4, "{report}");
    assert_same(&site.docs().join("tree"), &site.docs().join("copy"));
    assert_eq!(names(&site.docs()), ["copy", "tree"]);
}

#[test]
fn partial_and_changed_files_are_copied_again() {
    let site = Site::new();
    plant(&site, 60);
    let id = die(&site, "copied-file:50", "fail");
    let (tree, copy) = (site.docs().join("tree"), aside(&site));
    let change = |path: &Path, bytes: &[u8]| fs::write(path, bytes).expect("a file");
    // Files 1 and 2 were copied long before: folders are walked in the order of names.
    let [half, changed] = ["1/1/1", "0/0/0"].map(|path| (tree.join(path), copy.join(path)));
    change(&half.1, b"ha");
    change(&changed.0, b"something else");
    let report = finish(&site, &id);
    assert_eq!(report["files"], 60, "{report}");
    // Another file may have been in progress.
    let resumed = report["resumed"].as_u64();
    assert!(resumed == Some(48) || resumed == Some(49), "{report}");
    assert_same(&tree, &site.docs().join("copy"));
}

#[test]
fn unsynced_files_are_copied_again_after_a_power_cut() {
    let site = Site::new();
    plant(&site, 60);
    let id = die(&site, "copied-file:50", "fail");
    let (tree, copy) = (site.docs().join("tree"), aside(&site));
    // Right length and time, but the bytes never reached the disk.
    let lost = copy.join("1/1/1");
    let time = fs::metadata(&lost)
        .and_then(|m| m.modified())
        .expect("a time");
    let length = fs::metadata(&lost).expect("a length").len();
    assert!(length > 0);
    File::create(&lost)
        .and_then(|file| {
            file.set_len(length)?;
            file.set_modified(time)
        })
        .expect("a file of zeros");
    let database = Connection::open(site.data().join("cloakroom.db")).expect("a database");
    let changed = database
        .execute(
            "update job set intent = json_replace(intent, '$.work.epoch', 'another time')",
            [],
        )
        .expect("remounted after a reboot");
    assert_eq!(changed, 1);
    drop(database);
    let report = finish(&site, &id);
    let resumed = report["resumed"].as_u64();
    assert!(resumed == Some(49) || resumed == Some(50), "{report}");
    assert_same(&tree, &site.docs().join("copy"));
}

#[test]
fn published_copy_is_not_repeated_after_a_crash() {
    for conflict in ["fail", "replace", "rename"] {
        let site = Site::new();
        plant(&site, 20);
        if conflict != "fail" {
            site.write("copy/old", b"old");
        }
        let id = die(&site, "renamed", conflict);
        let report = finish(&site, &id);
        let name = if conflict == "rename" {
            "copy (1)"
        } else {
            "copy"
        };
        assert_eq!(report["path"], format!("/docs/{name}"), "{report}");
        assert_eq!(report["files"], 20, "{report}");
        assert_same(&site.docs().join("tree"), &site.docs().join(name));
        let expected: &[&str] = match conflict {
            "rename" => &["copy", "copy (1)", "tree"],
            _ => &["copy", "tree"],
        };
        assert_eq!(names(&site.docs()), expected, "{conflict}");
    }
}

#[test]
fn remains_of_an_ended_copy_are_removed() {
    for (column, status) in [
        ("cancel_requested", "canceled"),
        ("interrupted_attempts", "failed"),
    ] {
        let site = Site::new();
        plant(&site, 20);
        let id = die(&site, "copied-file:10", "fail");
        assert_eq!(names(&site.docs()).len(), 2);
        let database = Connection::open(site.data().join("cloakroom.db")).expect("a database");
        let value = if column == "interrupted_attempts" {
            99
        } else {
            1
        };
        let update = format!("update job set attempt = 99, {column} = {value}");
        database.execute(&update, []).expect("as if it had been so");
        drop(database);
        let server = site.serve();
        let job = server.client().ended(&id);
        assert_eq!(job["status"], status, "{job}");
        wait_for("the removal", || {
            (names(&site.docs()) == ["tree"]).then_some(())
        });
        server.stop();
    }
}

#[test]
fn graceful_stop_keeps_copied_files_for_the_next_attempt() {
    let site = Site::new();
    plant(&site, 300);
    let gate = Gate::new(&site);
    let mut command = site.command();
    command.args(["--drain-timeout", "0s"]);
    command.env("CLOAKROOM_FAULT", gate.at("copied-file:100"));
    let mut server = site.serve_with(command);
    let client = server.client();
    let id = submit(
        &client,
        &json!({ "from": "/docs/tree", "to": "/docs/copy" }),
    );
    let held = gate.reached();
    server.signal(rustix::process::Signal::TERM);
    wait_for("the drain", || {
        let ready = client.try_ask("GET", "/readyz", &[], b"");
        ready
            .map_or(true, |reply| reply.status != 200)
            .then_some(())
    });
    drop(held);
    assert!(server.wait().success());
    let report = finish(&site, &id);
    assert!(report["resumed"].as_u64() > Some(50), "{report}");
    assert_same(&site.docs().join("tree"), &site.docs().join("copy"));
}
