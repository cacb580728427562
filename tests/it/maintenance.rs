//! `cloakroom check` and `cloakroom backup`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::harness::{Server, Site, incompressible};

/// Runs the binary with these arguments.
fn tool(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
    command.args(arguments).arg("--data").arg(data);
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server with three results, one of them of several chunks.
fn with_results(site: &Site) -> (Server, Vec<String>) {
    for (name, bytes) in [("long", 1 << 20), ("short", 100), ("empty", 0)] {
        site.write(name, &incompressible(bytes));
    }
    let server = site.serve();
    let ids = ["/docs/long", "/docs/short", "/docs/empty"].map(|path| server.client().zip(path));
    for id in &ids {
        server.client().ended(id);
    }
    (server, ids.into())
}

#[test]
fn check_passes_on_intact_data_even_while_it_is_served() {
    let site = Site::new();
    let (server, _) = with_results(&site);
    for is_served in [true, false] {
        let output = tool(&["check"], &site.data());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(
            text(&output.stdout).starts_with("ok: 3 blobs, "),
            "{}",
            text(&output.stdout)
        );
        if is_served {
            let id = server.client().zip("/docs/short");
            server.client().ended(&id);
            server
                .client()
                .ask("DELETE", &format!("/v1/jobs/{id}"), &[], b"", 200);
        }
    }
    server.stop();
}

#[test]
fn check_names_the_job_with_a_damaged_result() {
    let ways: [(&str, &str); 4] = [
        (
            "update blob_chunk set data = zeroblob(length(data)) where id = (select max(id) from blob_chunk)",
            "content",
        ),
        (
            "delete from blob_chunk where id = (select min(id) from blob_chunk)",
            "content",
        ),
        (
            "update blob set sha256 = zeroblob(32) where id = 1",
            "content",
        ),
        ("delete from blob where id = 1", "result_blob"),
    ];
    for (damage, word) in ways {
        let site = Site::new();
        let (server, ids) = with_results(&site);
        server.stop();
        let database = site.data().join("cloakroom.db");
        let connection = Connection::open(&database).expect("a database");
        connection.execute(damage, []).expect("it is done");
        drop(connection);
        let output = tool(&["check"], &site.data());
        assert_eq!(output.status.code(), Some(1), "{damage}");
        let said = text(&output.stdout);
        let (first, rest) = said.split_once('\n').expect("a line");
        assert!(rest.is_empty() && first.contains(word), "{damage}: {said}");
        assert!(ids.iter().any(|id| first.contains(id)), "{damage}: {said}");
    }
}

#[test]
fn check_reports_a_damaged_database_and_leaves_foreign_files_alone() {
    let site = Site::new();
    let (server, _) = with_results(&site);
    server.stop();
    let database = site.data().join("cloakroom.db");
    let mut bytes = fs::read(&database).expect("a database");
    let middle = (bytes.len() / 2) & !4095;
    bytes[middle..middle + 4096].fill(0x5a);
    fs::write(&database, &bytes).expect("a file");
    let output = tool(&["check"], &site.data());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert_ne!(text(&output.stdout), "");

    fs::write(&database, b"something else").expect("a file");
    for arguments in [&["check"][..], &["backup", "copy.db"]] {
        let output = tool(arguments, &site.data());
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    }
    assert_eq!(fs::read(&database).expect("a file"), b"something else");
    let output = tool(&["check"], &site.path().join("nowhere"));
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(!site.path().join("nowhere").exists());
}

#[test]
fn backup_made_under_load_is_consistent() {
    let site = Site::new();
    let (server, ids) = with_results(&site);
    let client = server.client();
    let digest = |reply: &[u8]| hex::encode(Sha256::digest(reply));
    let before: Vec<_> = ids
        .iter()
        .map(|id| digest(&client.get(&format!("/v1/downloads/{id}"), 200).body))
        .collect();
    let copy = site.path().join("copy.db");
    fs::write(&copy, b"an older one").expect("a file");
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            for _ in 0..20 {
                client.ended(&client.zip("/docs/long"));
            }
        });
        for _ in 0..3 {
            let arguments = ["backup", copy.to_str().expect("UTF-8")];
            let output = tool(&arguments, &site.data());
            assert!(output.status.success(), "{}", text(&output.stderr));
        }
        busy.join().expect("no panic");
    });
    server.stop();
    let mode = fs::metadata(&copy).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let restored = Site::new();
    fs::create_dir(restored.data()).expect("a folder");
    fs::copy(&copy, restored.data().join("cloakroom.db")).expect("a copy");
    let output = tool(&["check"], &restored.data());
    assert!(output.status.success(), "{}", text(&output.stdout));
    let server = restored.serve();
    for (id, before) in ids.iter().zip(before) {
        let body = server
            .client()
            .get(&format!("/v1/downloads/{id}"), 200)
            .body;
        assert_eq!(digest(&body), before);
    }
    server.client().ended(&server.client().zip("/docs"));
    server.stop();
}

#[test]
fn backup_rejects_destinations_it_would_damage() {
    let site = Site::new();
    let (server, _) = with_results(&site);
    let inside = site.data().join("cloakroom.db");
    for target in [&inside, &site.path().join("nowhere/copy.db")] {
        let output = tool(&["backup", target.to_str().expect("UTF-8")], &site.data());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains(&*target.to_string_lossy()));
    }
    assert!(tool(&["check"], &site.data()).status.success());
    server.stop();
}

#[test]
fn backup_to_standard_output_is_refused() {
    let site = Site::new();
    site.serve().stop();
    let output = tool(&["backup", "-"], &site.data());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert!(!std::path::Path::new("-").exists());
}
