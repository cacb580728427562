//! Metrics of commits, and statistics of the database.

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
    pub min_free: u64,
    /// Number of callbacks that are not delivered yet.
    pub pending_callbacks: u64,
}
