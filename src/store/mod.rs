//! The one SQLite file: jobs, blobs, and a few single values.
//!
//! Owns every line of SQL. The floors above reach it through [`Store`]'s methods alone, so that another
//! engine could stand behind them. Rows are written by one connection on one thread (`writer`), which takes
//! whatever is waiting into one transaction, commits it with `synchronous=FULL`, tells the `CommitObserver` what
//! changed and only then answers. Everyone else reads.

mod batch;
mod blob_owners;
mod blobs;
mod chunks;
mod clock;
mod command_queue;
mod disk;
mod due_callbacks;
mod error;
mod file_watch;
mod handle;
mod items;
mod jobs;
mod keys;
mod lock;
mod lockers;
mod maintenance;
mod pages;
mod queries;
mod reader;
mod readers;
mod rows;
mod scheduler;
mod schema;
mod sequences;
mod stats;
mod types;
mod uploads;
mod wal;
mod writer;

pub(crate) use blobs::{BlobReader, BlobWriter, CHUNK_BYTES, WholeBlob};
pub(crate) use clock::{IdleClock, TICK};
pub(crate) use due_callbacks::{DueAt, Wanted};
pub(crate) use error::Error;
pub use error::OpenError;
pub(crate) use handle::Store;
pub(crate) use lock::own_files;
pub(crate) use maintenance::{backup, check};
pub(crate) use schema::create_private_dir;
pub(crate) use stats::{CommitMetrics, StoreStats};
pub(crate) use types::{
    Attempt, CommitObserver, Committed, DueJob, Filter, Found, IdempotencyKey, NewJob,
    OperationLimits, Owner, Rows, StoreOptions, Sweep, TokensAtStart, Uses,
};
pub(crate) use uploads::Uploads;
