//! Long files, and files that change while they are read.

use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{files_in, zip_ended, zipped};
use crate::harness::{Site, incompressible, wait_for};

/// The compressor's block size.
const BLOCK: usize = 256 * 1024;

#[test]
fn long_files_are_archived_unchanged() {
    let site = Site::new();
    let text: Vec<u8> = (0_u64..)
        .flat_map(|i| format!("{i} {}\n", i * i % 1009).into_bytes())
        .take(5_000_001)
        .collect();
    let noise = incompressible(9 * BLOCK + 12_345);
    let mut files = vec![("text".to_owned(), text), ("noise".to_owned(), noise)];
    for (name, size) in [
        ("less", BLOCK - 1),
        ("block", BLOCK),
        ("more", BLOCK + 1),
        ("two", 2 * BLOCK),
        ("zeros", 3_000_000),
    ] {
        files.push((format!("{name}-noise"), incompressible(size)));
        files.push((format!("{name}-zeros"), vec![0; size]));
    }
    for (name, bytes) in &files {
        site.write(&format!("folder/{name}"), bytes);
    }
    let server = site.serve();
    for level in [6, 0] {
        let params = json!({ "path": "/docs/folder", "level": level });
        let (_, archive) = zipped(&server.client(), &params);
        let found = files_in(&archive);
        assert_eq!(found.len(), files.len());
        for (name, bytes) in &files {
            assert!(
                found[&format!("folder/{name}")] == *bytes,
                "{name} at level {level}"
            );
        }
    }
    server.stop();
}

#[test]
fn files_changing_while_read_give_a_valid_archive() {
    let site = Site::new();
    for number in 0..40 {
        site.write(&format!("folder/{number:02}"), &vec![7; 400_000]);
    }
    let server = site.serve();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0_u64.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let path = site.docs().join(format!("folder/{:02}", round * 7 % 40));
                match round % 4 {
                    0 => drop(fs::remove_file(&path)),
                    1 => drop(
                        fs::File::options()
                            .write(true)
                            .open(&path)
                            .map(|file| file.set_len(round % 1000)),
                    ),
                    2 => drop(fs::write(&path, vec![7; 900_000])),
                    _ => drop(fs::write(&path, [7; 10])),
                }
            }
        });
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until {
            let (_, archive) = zipped(
                &server.client(),
                &json!({ "path": "/docs/folder", "level": 1 }),
            );
            // Reading checks lengths and checksums. A file that was truncated and extended again has zeros in between,
            // at most.
            let files = files_in(&archive);
            assert!(files.values().flatten().all(|byte| matches!(byte, 0 | 7)));
        }
        stop.store(true, Ordering::Relaxed);
    });
    server.stop();
}

#[test]
fn growing_file_is_zipped_at_its_initial_length() {
    const PIECE: usize = 1 << 20;
    /// The writer gives up after this number of pieces, seconds after the reader should have followed.
    const MOST: u64 = 400;
    let site = Site::new();
    let piece = incompressible(PIECE);
    site.write("log", &piece.repeat(4));
    let server = site.serve();
    let client = server.client();
    let written = AtomicU64::new(4);
    let stop = AtomicBool::new(false);
    let (job, at_end) = thread::scope(|scope| {
        scope.spawn(|| {
            let path = site.docs().join("log");
            let mut log = fs::File::options()
                .append(true)
                .open(path)
                .expect("the log");
            while !stop.load(Ordering::Relaxed) && written.load(Ordering::Relaxed) < MOST {
                log.write_all(&piece).expect("more");
                written.fetch_add(1, Ordering::Relaxed);
                // Faster than level 9, but not so fast that the disk fills up.
                thread::sleep(Duration::from_millis(10));
            }
        });
        let job = zip_ended(&client, &json!({ "path": "/docs/log", "level": 9 }));
        stop.store(true, Ordering::Relaxed);
        (job, written.load(Ordering::Relaxed))
    });
    assert_eq!(job["status"], "succeeded", "{job}");
    assert!(at_end < MOST, "the end of the file was followed");
    assert_eq!(
        job["phase"], "Zipped, 1 file grew while it was read",
        "{job}"
    );
    let id = job["id"].as_str().expect("an id");
    let log = client.get(&format!("/v1/jobs/{id}/log"), 200);
    let log = String::from_utf8_lossy(&log.body).into_owned();
    let archive = client.get(&format!("/v1/downloads/{id}"), 200).body;
    let length = files_in(&archive)["log"].len();
    let line = format!("log grew while it was read: only its first {length} bytes were taken.\n");
    assert_eq!(log, line);
    server.stop();
}

#[test]
fn cancel_takes_effect_inside_a_huge_file() {
    let site = Site::new();
    site.write_zeros("huge", 1 << 40);
    let server = site.serve();
    let client = server.client();
    let id = client.zip("/docs/huge");
    wait_for("progress inside the file", || {
        let job = client.get(&format!("/v1/jobs/{id}"), 200).json();
        (job["phase"] == "Zipping" && job["stage"] != Value::Null).then_some(())
    });
    let asked = Instant::now();
    client.ask("POST", &format!("/v1/jobs/{id}/cancel"), &[], b"", 202);
    assert_eq!(client.ended(&id)["status"], "canceled");
    assert!(
        asked.elapsed() < Duration::from_secs(1),
        "{:?}",
        asked.elapsed()
    );
    server.stop();
}
