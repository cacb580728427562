//! The errors of the store, and what SQLite's errors mean to it.

use std::io;
use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};
use tokio::task::JoinError;

use super::file_format::USER_VERSION;
use crate::data_dir;
use crate::job::IllegalEvent;
use crate::vital::panic_message;

/// Why the store rejected a request or failed to carry it out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The queue is full; holds its limit.
    #[error("the queue is full: {0} jobs are waiting already")]
    QueueFull(usize),
    /// A different submission used the same idempotency key.
    #[error("another submission has used this idempotency key")]
    KeyTaken,
    /// There is no such job.
    #[error("there is no such job")]
    NotFound,
    /// The event is not allowed in the job's state.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// The request comes from an attempt that is not the current one.
    #[error("the attempt is over")]
    Superseded,
    /// The disk is full, or the database has reached its quota.
    #[error("not enough space: the disk is full, or the database has reached its maximum size")]
    StorageFull,
    /// Another process holds a lock on the database.
    #[error("the database is busy")]
    Busy,
    /// The store has stopped. The request may or may not have been committed.
    #[error("the store has stopped")]
    Stopped,
    /// The data folder is not writable.
    #[error("the data folder is read-only")]
    ReadOnly,
    /// Stored data does not match its checksum.
    #[error("the stored data is damaged")]
    Damaged,
    /// Any other error of SQLite; it concerns only one statement.
    #[error("{0}")]
    Database(String),
    /// The state of the database file is unknown.
    #[error("{0}")]
    Fatal(String),
    /// A task of the store panicked.
    #[error("a task of the store panicked: {0}")]
    Panicked(String),
}

impl Error {
    /// Whether the command was rejected before anything was written.
    pub(super) fn is_rejection(&self) -> bool {
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

impl From<JoinError> for Error {
    fn from(error: JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::Panicked(panic_message(&*panic).to_owned()),
            // The runtime is shutting down.
            Err(_) => Self::Stopped,
        }
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
            // The shared memory file could not grow.
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

/// Why the store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server uses the data.
    #[error("{} is in use by {}", path.display(), match holder { Some(pid) => format!("process {pid}"), None => "another process".into() })]
    InUse {
        /// The locked file.
        path: PathBuf,
        /// The process id of the holder, if known.
        holder: Option<u32>,
    },
    /// The file is not a Cloakroom database.
    #[error("{} is not a Cloakroom database ({what}); it was left untouched", path.display())]
    Foreign {
        /// The database file.
        path: PathBuf,
        /// How the file differs from a Cloakroom database.
        what: &'static str,
    },
    /// The database file is missing, but its write-ahead log is not.
    #[error("{} is missing, but its write-ahead log {} exists: restore the database, or remove the log too to start with an empty database", path.display(), wal.display())]
    Missing {
        /// The database file.
        path: PathBuf,
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// An earlier start found that requests need a token, and the token file is now missing.
    #[error("the database says that requests need a token, and the token file {} is missing. Restore it, make a new token with `cloakroom token add`, or turn tokens off with `cloakroom token off`", path.display())]
    TokensMissing {
        /// The token file.
        path: PathBuf,
    },
    /// The write-ahead log belongs to a different database.
    #[error("{} belongs to a different database than {}; both were left untouched", wal.display(), path.display())]
    ForeignWal {
        /// The database file.
        path: PathBuf,
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// The file was written by a newer release.
    #[error("{} has schema version {version}, but this release supports only versions up to {USER_VERSION}: use the release that wrote it", path.display())]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        version: u32,
    },
    /// An input or output error of the operating system.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// An error of SQLite.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// The error.
        source: rusqlite::Error,
    },
    /// The binary is linked with an SQLite release that is too old.
    #[error("SQLite {0} is too old: version 3.51.3 or later is required")]
    SqliteTooOld(&'static str),
    /// A connection or a thread of the store could not be started.
    #[error("cannot start the store: {0}")]
    Start(String),
}

impl From<rusqlite::Error> for OpenError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite {
            path: data_dir::DATABASE.into(),
            source,
        }
    }
}
