//! What is counted of commits, and what a look at the disk tells.

use std::sync::Arc;

use rusqlite::Connection;

use super::wal::PAGE_BYTES;
use super::{Error, Store};
use crate::metrics::Histogram;

/// How many commands and chunks, at most, share a commit.
const BATCH_SIZE_BUCKETS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];
/// From a good disk to a bad SD card, in microseconds.
const COMMIT_TIME_BUCKETS_US: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];

/// The numbers of commits.
#[derive(Debug)]
pub(crate) struct CommitMetrics {
    /// How many commands and chunks shared one.
    pub sharers: Histogram,
    /// How long the disk took.
    pub time: Histogram,
}

impl Default for CommitMetrics {
    fn default() -> Self {
        Self {
            sharers: Histogram::new(BATCH_SIZE_BUCKETS),
            time: Histogram::new(COMMIT_TIME_BUCKETS_US),
        }
    }
}

/// What the store holds, and has room for; sizes in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreStats {
    /// The database's file.
    pub database: u64,
    /// Its write-ahead log.
    pub wal: u64,
    /// What of the file holds nothing.
    pub free_inside: u64,
    /// What of the file system is free.
    pub free_outside: u64,
    /// Nothing new is taken while less than this is.
    pub mark: u64,
    /// How many ends somebody is still to be told of.
    pub untold: u64,
}

impl Store {
    /// What was counted of commits so far.
    pub(crate) fn commits(&self) -> Arc<CommitMetrics> {
        Arc::clone(&self.commits)
    }

    /// Looks how much the store holds. The writer is not asked.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn stats(&self) -> Result<StoreStats, Error> {
        let disk = Arc::clone(&self.disk);
        self.read(move |connection| {
            Ok(StoreStats {
                free_inside: number(connection, "pragma freelist_count")? * PAGE_BYTES,
                untold: number(
                    connection,
                    "select count(*) from job where callback_due is not null",
                )?,
                ..disk.stats()
            })
        })
        .await
    }
}

fn number(connection: &Connection, query: &str) -> Result<u64, Error> {
    let mut statement = connection.prepare_cached(query)?;
    let number: i64 = statement.query_row([], |row| row.get(0))?;
    Ok(number.unsigned_abs())
}
