//! The database: jobs, blobs, and a few single values in one SQLite file.
//!
//! Owns every line of SQL. Other modules use only the methods of [`Store`], so that another database could replace SQLite.
//! One connection on one thread (`writer`) writes rows. It puts all waiting commands into one transaction, commits it with
//! `synchronous=FULL`, reports the changes to the [`CommitObserver`] and only then answers. All other connections read.

mod batch;
mod blob_owners;
mod blobs;
mod chunks;
mod clock;
mod command;
mod command_queue;
mod disk;
mod due_callbacks;
mod error;
mod file_format;
mod file_watch;
mod handle;
mod item_numbers;
mod items;
mod jobs;
mod keys;
mod lock;
mod lockers;
mod maintenance;
mod meta;
mod open;
mod pages;
mod queries;
mod reader;
mod readers;
mod rows;
mod scheduler;
mod schema;
mod sequences;
mod sqlite_config;
mod stats;
mod types;
mod uploads;
mod wal;
mod whole_blob;
mod writer;

pub(crate) use blobs::{BlobReader, BlobWriter};
pub(crate) use clock::{IdleClock, TICK};
pub(crate) use due_callbacks::{DueAt, Wanted};
pub(crate) use error::Error;
pub use error::OpenError;
pub(crate) use file_format::CHUNK_BYTES;
pub(crate) use handle::Store;
pub(crate) use lock::{check_unused, own_files};
pub(crate) use maintenance::{backup, check};
pub(crate) use open::Opened;
pub(crate) use sqlite_config::disable_memory_statistics;
pub(crate) use stats::{CommitMetrics, StoreStats};
pub(crate) use types::{
    Attempt, CommitObserver, Committed, DueJob, Filter, Found, IdempotencyKey, NewJob,
    OperationLimits, Owner, Rows, StoreOptions, Sweep, TokensAtStart, Uses,
};
pub(crate) use uploads::Uploads;
pub(crate) use whole_blob::WholeBlob;
