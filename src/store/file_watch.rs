//! Whether the files that SQLite has open are still those that their names lead to.
//!
//! A file that was deleted, renamed or replaced can be written and synced as before, and is gone with the process: what
//! is committed into one must not be acknowledged. Looking costs a microsecond a file.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::OpenError;
use super::lock::Locks;
use super::schema::DATABASE_FILE;
use crate::failpoints;

/// The files of one open database.
#[derive(Debug)]
pub(super) struct FileWatch {
    database: Named,
    wal: Named,
    /// What is in it is made anew at a start; without it, other processes do not see that somebody is here.
    shared_memory: Named,
}

/// A file, and what its name leads to.
#[derive(Debug)]
struct Named {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode, where files have some.
type Identity = (u64, u64);

impl FileWatch {
    /// Remembers the files below `data`, which must be open and in use.
    ///
    /// # Errors
    /// One is not there, or the database is not the one whose lock we have.
    pub(super) fn remember(data: &Path, locks: &Locks) -> Result<Self, OpenError> {
        let named = |suffix: &str| {
            let path = data.join(format!("{DATABASE_FILE}{suffix}"));
            match look(&path) {
                Ok(identity) => Ok(Named { path, identity }),
                Err(source) => Err(OpenError::Io { path, source }),
            }
        };
        let presence = Self {
            database: named("")?,
            wal: named("-wal")?,
            shared_memory: named("-shm")?,
        };
        let locked = locks.database().map(File::metadata);
        let replaced = match locked {
            Some(Ok(locked)) => identity(&locked) != presence.database.identity,
            Some(Err(source)) => {
                let path = presence.database.path;
                return Err(OpenError::Io { path, source });
            }
            None => false,
        };
        if replaced {
            let reason = "the database was replaced meanwhile".to_owned();
            return Err(OpenError::Start(reason));
        }
        Ok(presence)
    }

    /// Finds out whether what was just committed is in files that stay.
    ///
    /// # Errors
    /// What has become of one of them, for people.
    pub(super) fn check(&self) -> Result<(), String> {
        if failpoints::is_planned("files-unwatched") {
            return Ok(());
        }
        self.database.check()?;
        self.wal.check()
    }

    /// The same of every file.
    pub(super) fn check_all(&self) -> Result<(), String> {
        self.check()?;
        self.shared_memory.check()
    }

    /// Whether the database itself is still in its place.
    pub(super) fn has_database(&self) -> bool {
        self.database.check().is_ok()
    }
}

impl Named {
    fn check(&self) -> Result<(), String> {
        let path = self.path.display();
        match look(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(format!("{path} was replaced while it was open")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("{path} was removed while it was open"))
            }
            Err(error) => Err(format!("{path} cannot be found any more: {error}")),
        }
    }
}

fn look(path: &Path) -> io::Result<Identity> {
    Ok(identity(&std::fs::metadata(path)?))
}

#[cfg(unix)]
fn identity(found: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Where files have no number, those that are open cannot be removed either.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0)
}
