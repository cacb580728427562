//! A disk that returns corrupted data.

use std::fs;
use std::path::Path;
use std::time::Duration;

use cloakroom::Cloakroom;
use cloakroom::job::JobId;
use rusqlite::Connection;
use tokio::io::AsyncReadExt;

use crate::harness::{Site, incompressible};

/// The number of databases with one flipped bit.
const FLIPS: usize = 40;

/// The outcome of reading a result.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Whole(Vec<u8>),
    Nothing,
}

/// Reads the results of these jobs; empty if the database is rejected.
fn read(data: &Path, jobs: &[JobId]) -> Vec<Read> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let read = runtime.block_on(async {
        let Ok(cloakroom) = Cloakroom::builder().data(data).start().await else {
            return Vec::new();
        };
        let mut all = Vec::new();
        for id in jobs {
            let mut bytes = Vec::new();
            let read = match cloakroom.result(*id).await {
                Ok(mut result) => result.read_to_end(&mut bytes).await.is_ok(),
                Err(_) => false,
            };
            all.push(if read {
                Read::Whole(bytes)
            } else {
                Read::Nothing
            });
        }
        cloakroom.shutdown(Duration::ZERO).await;
        all
    });
    runtime.shutdown_background();
    read
}

/// A database with results of one and of several chunks, its jobs, and their results.
fn results() -> (Vec<u8>, Vec<JobId>, Vec<Vec<u8>>) {
    let site = Site::new();
    let server = site.serve();
    let client = server.client();
    let (mut jobs, mut bytes) = (Vec::new(), Vec::new());
    for length in [600_000, 50_000, 5] {
        site.write("a", &incompressible(length));
        let id = client.zip("/docs/a");
        client.ended(&id);
        bytes.push(client.get(&format!("/v1/downloads/{id}"), 200).body);
        jobs.push(id.parse().expect("an id"));
    }
    server.stop();
    let database = fs::read(site.data().join("cloakroom.db"));
    (database.expect("a database"), jobs, bytes)
}

#[test]
fn flipped_bits_never_reach_a_result() {
    let (database, jobs, results) = results();
    let (mut found_out, mut state) = (0, 0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..FLIPS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bit = (state % (database.len() as u64 * 8)) as usize;
        let mut flipped = database.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let site = Site::new();
        fs::create_dir(site.data()).expect("a folder");
        fs::write(site.data().join("cloakroom.db"), flipped).expect("a file");
        let read = read(&site.data(), &jobs);
        for (read, expected) in read.iter().zip(&results) {
            match read {
                Read::Whole(bytes) => assert!(bytes == expected, "bit {bit}"),
                Read::Nothing => found_out += 1,
            }
        }
    }
    assert!(found_out > FLIPS / 2, "{found_out} of {FLIPS}");
}

#[test]
fn download_of_a_damaged_result_is_aborted() {
    let site = Site::new();
    let server = site.serve();
    site.write("a", &incompressible(600_000));
    let id = server.client().zip("/docs/a");
    server.client().ended(&id);
    server.stop();
    let connection = Connection::open(site.data().join("cloakroom.db")).expect("a database");
    // Two chunks of the same length are swapped.
    connection
        .execute_batch(
            "create temp table kept as select id, crc, data from blob_chunk;
             update blob_chunk set
               crc = (select crc from kept where kept.id = (blob_chunk.id | 1) - (blob_chunk.id & 1)),
               data = (select data from kept where kept.id = (blob_chunk.id | 1) - (blob_chunk.id & 1))
             where id & 1048575 < 2 and exists (select 1 from kept where kept.id = (blob_chunk.id | 1) - (blob_chunk.id & 1))",
        )
        .expect("they change places");
    drop(connection);
    let server = site.serve();
    let path = format!("/v1/downloads/{id}");
    let cut = server.client().try_ask("GET", &path, &[], b"");
    assert!(cut.is_err(), "{cut:?}");
    server.client().get(&format!("/v1/jobs/{id}"), 200);
    server.kill();
}
