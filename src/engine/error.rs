//! The errors of the engine, as its callers see them.

use tokio::task::JoinError;

use crate::job::IllegalEvent;
use crate::store;

/// Why the engine rejected a request or failed to carry it out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The job does not exist, was deleted or has expired, or the caller may not see it.
    #[error("there is no such job")]
    NotFound,
    /// The job has not ended.
    #[error("the job has not ended")]
    NotEnded,
    /// The request is not allowed in the job's state.
    #[error(transparent)]
    Illegal(IllegalEvent),
    /// The queue is full. Holds the number of queued jobs.
    #[error("the queue is full: {0} jobs are waiting already")]
    QueueFull(usize),
    /// A different submission used the same idempotency key.
    #[error("another submission has used this idempotency key")]
    KeyTaken,
    /// The disk is full, or the database has reached its quota. Nothing was stored.
    #[error("not enough space: the disk is full, or the database has reached its maximum size")]
    StorageFull,
    /// Another process has locked the database. Nothing was stored.
    #[error("the database is busy")]
    Busy,
    /// The data folder is not writable. Nothing was stored.
    #[error("the data folder is read-only")]
    ReadOnly,
    /// Stored data does not match its checksum.
    #[error("the stored data is damaged")]
    Damaged,
    /// The server is stopping or has failed. The request may or may not have been carried out.
    #[error("the server has stopped")]
    Stopped,
    /// Any other error of the database. The request may or may not have been carried out.
    #[error("{0}")]
    Database(String),
    /// A task of the server panicked. The request may or may not have been carried out.
    #[error("a task of the server panicked: {0}")]
    Panicked(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound => Self::NotFound,
            store::Error::Illegal(illegal) => Self::Illegal(illegal),
            store::Error::QueueFull(jobs) => Self::QueueFull(jobs),
            store::Error::KeyTaken => Self::KeyTaken,
            store::Error::StorageFull => Self::StorageFull,
            store::Error::Busy => Self::Busy,
            store::Error::ReadOnly => Self::ReadOnly,
            store::Error::Damaged => Self::Damaged,
            store::Error::Stopped => Self::Stopped,
            store::Error::Panicked(message) => Self::Panicked(message),
            error @ (store::Error::Superseded
            | store::Error::Database(_)
            | store::Error::Fatal(_)) => Self::Database(error.to_string()),
        }
    }
}

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        store::Error::from(error).into()
    }
}
