//! What can go wrong with the store, from its start on, and what SQLite means by what it says.

use std::io;
use std::path::PathBuf;

use rusqlite::{ErrorCode, ffi};

use super::schema::{DATABASE_FILE, USER_VERSION};
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
    #[error("there is no room for more: the disk is full, or the database as large as it may be")]
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
    /// The disk gives back something else than it was given.
    #[error("what was stored is damaged")]
    Damaged,
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

/// Why the data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has it.
    #[error("{} is in use by {}", path.display(), match holder { Some(pid) => format!("process {pid}"), None => "another process".into() })]
    InUse {
        /// What is locked.
        path: PathBuf,
        /// By whom, where that is known.
        holder: Option<u32>,
    },
    /// The file is something else.
    #[error("{} is not a Cloakroom database ({what}); it was left untouched", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        what: &'static str,
    },
    /// There was a database, and it is gone.
    #[error("{} is missing, and a part of it is in {}: put it back, or remove that too to begin anew", path.display(), wal.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// What is left of it.
        wal: PathBuf,
    },
    /// Requests needed a token at an earlier start, and the token file is missing.
    #[error("the database says that requests need a token, and the token file {} is missing. Restore it, make a new token with `cloakroom token add`, or turn tokens off with `cloakroom token off`", path.display())]
    TokensMissing {
        /// The token file.
        path: PathBuf,
    },
    /// What is beside the database was written for another.
    #[error("{} belongs to another database than {}; both were left untouched", wal.display(), path.display())]
    ForeignWal {
        /// The file.
        path: PathBuf,
        /// The other one's.
        wal: PathBuf,
    },
    /// The file was written by a later release.
    #[error("{} has schema version {version}, this server knows {USER_VERSION}: use the release that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The operating system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// What was asked for.
        path: PathBuf,
        /// The answer.
        source: io::Error,
    },
    /// SQLite says no.
    #[error("{}: {source}", path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// The answer.
        source: rusqlite::Error,
    },
    /// The binary was linked with an SQLite that is too old.
    #[error("SQLite {0} is too old, 3.51.3 is needed")]
    SqliteTooOld(&'static str),
    /// A connection or a thread of the store could not be made.
    #[error("cannot start the store: {0}")]
    Start(String),
}

impl From<rusqlite::Error> for OpenError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite {
            path: DATABASE_FILE.into(),
            source,
        }
    }
}
