//! Names, sizes and limits of the database file.

use std::time::Duration;

/// The schema version that this release writes.
pub(super) const USER_VERSION: u32 = 1;
/// Size of a database page.
pub(super) const PAGE_BYTES: u64 = 4096;
/// Length of every chunk of a blob except the last, in bytes.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
/// Number of bits of a chunk's number within its blob: 2^20 chunks of 256 KiB are 256 GiB.
pub(super) const NUMBER_BITS: u32 = 20;
/// How long a statement waits for another connection's lock.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
