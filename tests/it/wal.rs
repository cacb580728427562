//! Databases whose WAL changed after the server was killed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use cloakroom::Cloakroom;
use cloakroom::job::JobId;

use crate::harness::{Site, wait_for};
use crate::memory;

/// What a killed server leaves: the database, its WAL, and the acknowledged jobs in order.
struct Dead {
    database: Vec<u8>,
    wal: Vec<u8>,
    jobs: Vec<JobId>,
}

fn dead(jobs: usize) -> Dead {
    let site = Site::new();
    site.write("a", b"a");
    let server = site.serve();
    let client = server.client();
    let jobs = (0..jobs).map(|_| {
        let id = client.zip("/docs/a");
        client.ended(&id);
        id.parse().expect("an id")
    });
    let jobs = jobs.collect();
    server.kill();
    let read = |name| fs::read(site.data().join(name)).expect("a file");
    Dead {
        database: read("cloakroom.db"),
        wal: read("cloakroom.db-wal"),
        jobs,
    }
}

/// Puts both files into a new data folder.
fn lay_out(site: &Site, database: &[u8], wal: &[u8]) {
    let data = site.data();
    fs::create_dir_all(&data).expect("a folder");
    fs::write(data.join("cloakroom.db"), database).expect("a file");
    fs::write(data.join("cloakroom.db-wal"), wal).expect("a file");
}

/// The number of jobs that exist, from the first on; none may follow a missing one.
fn kept(data: &Path, jobs: &[JobId]) -> usize {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let found = runtime.block_on(async {
        let cloakroom = Cloakroom::builder().data(data).start().await;
        let cloakroom = cloakroom.expect("it starts");
        let mut found = Vec::new();
        for id in jobs {
            found.push(cloakroom.job(*id).await.is_ok());
        }
        cloakroom.shutdown(Duration::ZERO).await;
        found
    });
    runtime.shutdown_background();
    let kept = found.iter().take_while(|is_there| **is_there).count();
    assert!(found[kept..].iter().all(|is_there| !is_there), "{found:?}");
    kept
}

#[test]
fn truncated_wal_keeps_all_commits_before_the_cut() {
    let dead = dead(10);
    let length = dead.wal.len();
    let mut cuts = vec![0, 1, 31, 32, 33, 4096, length - 4097, length - 1, length];
    cuts.extend((1..10).map(|tenth| length * tenth / 10 / 4096 * 4096));
    cuts.extend((1..10).map(|tenth| (length * tenth / 10) | 1));
    cuts.sort_unstable();
    let mut most = 0;
    for cut in cuts {
        let site = Site::new();
        lay_out(&site, &dead.database, &dead.wal[..cut]);
        let kept = kept(&site.data(), &dead.jobs);
        assert!(kept >= most, "{cut} of {length}: {kept} jobs");
        most = kept;
        site.check_tables();
    }
    assert_eq!(most, dead.jobs.len(), "the complete WAL has all jobs");
}

#[test]
fn wal_of_another_database_is_rejected_and_untouched() {
    let (own, other) = (dead(1), dead(2));
    let site = Site::new();
    lay_out(&site, &own.database, &other.wal);
    let data = site.data();
    let backup = site.path().join("backup");
    let backup = backup.to_str().expect("text");
    for arguments in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["check"],
        &["backup", backup],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        let output = command.args(arguments).arg("--data").arg(&data).output();
        let output = output.expect("it ends");
        let words = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {words}");
        assert!(words.contains("belongs to a different database"), "{words}");
    }
    let read = |name| fs::read(data.join(name)).expect("a file");
    assert!(read("cloakroom.db") == own.database);
    assert!(read("cloakroom.db-wal") == other.wal);
    // With its own WAL the database is complete again.
    lay_out(&site, &own.database, &own.wal);
    assert_eq!(kept(&data, &own.jobs), 1);
}

#[test]
fn missing_wal_is_an_error_after_a_crash_only() {
    let start = |site: &Site| {
        let log = site.path().join("log");
        let mut command = site.command();
        command.stderr(fs::File::create(&log).expect("a file"));
        command.env("CLOAKROOM_LOG", "warn");
        let server = site.serve_with(command);
        let text = fs::read_to_string(&log).expect("a log");
        (server, text.contains("its write-ahead log is missing"))
    };
    let site = Site::new();
    site.serve().kill();
    fs::remove_file(site.data().join("cloakroom.db-wal")).expect("it is there");
    let (server, is_missed) = start(&site);
    assert!(is_missed);
    server.stop();
    // A reader of the tables has removed the WAL in the meantime.
    let _ = fs::remove_file(site.data().join("cloakroom.db-wal"));
    let (server, is_missed) = start(&site);
    assert!(!is_missed);
    server.stop();
    // It is also possible to start over.
    fs::remove_file(site.data().join("cloakroom.db")).expect("it is there");
    let (server, _) = start(&site);
    server.stop();
}

/// The length of the WAL in bytes.
fn wal_bytes(site: &Site) -> u64 {
    let log = site.data().join("cloakroom.db-wal");
    fs::metadata(log).expect("a log").len()
}

#[test]
fn wal_stays_short_under_load_and_is_truncated_when_idle() {
    let site = Site::new();
    let server = memory::serve(&site);
    let client = server.client();
    let id = memory::submit_large(client);
    client.ended(&id);
    let is_over = AtomicBool::new(false);
    let longest = thread::scope(|scope| {
        for reader in 0..6 {
            let (id, is_over) = (&id, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    let path = match reader % 3 {
                        0 => "/v1/jobs?limit=1".to_owned(),
                        1 => "/v1/jobs?limit=100&status=failed".to_owned(),
                        _ => format!("/v1/jobs/{id}"),
                    };
                    // A submission during an overload is rejected, which is fine.
                    client.try_ask("GET", &path, &[], b"").expect("a reply");
                }
            });
        }
        let mut longest = 0;
        for _ in 0..100 {
            memory::submit_large(client);
            longest = longest.max(wal_bytes(&site));
        }
        is_over.store(true, Ordering::Relaxed);
        longest
    });
    assert!(longest < 32 << 20, "{longest} bytes");
    wait_for("a cut", || (wal_bytes(&site) == 0).then_some(()));
    server.stop();
}

#[test]
fn wal_held_by_another_process_is_reported_once_and_truncated_later() {
    let site = Site::new();
    let log = site.path().join("log");
    let mut command = memory::command(&site);
    command.env("CLOAKROOM_LOG", "info");
    command.stderr(fs::File::create(&log).expect("a file"));
    let server = site.serve_with(command);
    let client = server.client();
    let said = |words: &str| {
        let text = fs::read_to_string(&log).expect("a log");
        let lines: Vec<_> = text.lines().filter(|line| line.contains(words)).collect();
        lines.join("\n")
    };
    memory::submit_large(client);
    let reader = rusqlite::Connection::open(site.data().join("cloakroom.db")).expect("it opens");
    reader
        .execute_batch("begin; select count(*) from job")
        .expect("it reads");
    while said("another process reads the database").is_empty() {
        memory::submit_large(client);
        assert!(wal_bytes(&site) < 100 << 20, "reported in time");
    }
    for _ in 0..10 {
        memory::submit_large(client);
    }
    let line = said("another process reads the database");
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(line.contains(&std::process::id().to_string()), "{line}");
    assert!(said("was emptied again").is_empty());

    reader.execute_batch("commit").expect("it ends");
    drop(reader);
    wait_for("the end of it", || {
        memory::submit_large(client);
        (said("was emptied again").lines().count() == 1).then_some(())
    });
    wait_for("a cut", || (wal_bytes(&site) == 0).then_some(()));
    server.stop();
}
