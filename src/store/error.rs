//! What can go wrong with the store, and what SQLite means by what it says.

use std::io;

use rusqlite::{ErrorCode, ffi};

use crate::job::IllegalEvent;

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// As many jobs wait as may.
    #[error("{0} jobs are waiting already")]
    QueueFull(usize),
    /// Something else was submitted under the same key.
    #[error("the key belongs to another submission")]
    KeyTaken,
    /// The job has not ended.
    #[error("the job has not ended")]
    NotEnded,
    /// The job is not there.
    #[error("there is no such job")]
    NotFound,
    /// The job is in a state that does not take this.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// The attempt that asks is not the current one.
    #[error("the attempt is over")]
    Superseded,
    /// No room on the disk.
    #[error("the disk is full")]
    StorageFull,
    /// Somebody else holds the database.
    #[error("the database is busy")]
    Busy,
    /// The store has stopped. Whether the request was kept is not known.
    #[error("the store has stopped")]
    Stopped,
    /// The file system does not let us write.
    #[error("the data folder is read-only")]
    ReadOnly,
    /// Anything else that SQLite says, about one statement.
    #[error("{0}")]
    Database(String),
    /// What is on the disk is not known any more.
    #[error("{0}")]
    Fatal(String),
}

impl Error {
    /// Whether it was foreseen and found before anything was written.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::KeyTaken
                | Self::QueueFull(_)
                | Self::NotFound
                | Self::Illegal(_)
                | Self::Superseded
        )
    }

    pub(super) fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::StorageFull => Self::new(io::ErrorKind::StorageFull, error),
            error => Self::other(error),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code() {
            // The file of shared memory could not grow.
            _ if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => Self::StorageFull,
            Some(ErrorCode::DiskFull) => Self::StorageFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory,
            ) => Self::Fatal(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}
