//! Metrics of commits, and statistics of the database.

use std::sync::Arc;

use rusqlite::Connection;

use super::wal::PAGE_BYTES;
use super::{Error, Store};
use crate::metrics::Histogram;

/// Bucket bounds for the number of commands and chunks in a commit.
const BATCH_SIZE_BUCKETS: &[u64] = &[1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Bucket bounds for the duration of a commit in microseconds, from a fast disk to a slow SD card.
const COMMIT_TIME_BUCKETS_US: &[u64] = &[
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 5_000_000,
];

/// Metrics of commits.
#[derive(Debug)]
pub(crate) struct CommitMetrics {
    /// Number of commands and chunks per commit.
    pub sharers: Histogram,
    /// Duration of the commits.
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

/// Sizes of the store and free space, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StoreStats {
    /// Size of the database file.
    pub database: u64,
    /// Size of the write-ahead log.
    pub wal: u64,
    /// Size of the free pages in the database file.
    pub free_inside: u64,
    /// Free space on the file system.
    pub free_outside: u64,
    /// No new data is accepted while less than this is free.
    pub mark: u64,
    /// Number of callbacks that are not delivered yet.
    pub untold: u64,
}

impl Store {
    /// The metrics of commits.
    pub(crate) fn commits(&self) -> Arc<CommitMetrics> {
        Arc::clone(&self.commits)
    }

    /// Current statistics. Does not wait for the writer.
    ///
    /// # Errors
    /// An error of the database.
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
