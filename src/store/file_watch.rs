//! Checks that SQLite's open files are still the ones at their paths.
//!
//! A deleted, renamed or replaced file can still be written and synced, but is lost when the process ends: a commit to such
//! a file must not be acknowledged. A check costs a microsecond per file.

use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::OpenError;
use super::lock::Locks;
use crate::{data_dir, failpoints};

/// The files of one open database.
#[derive(Debug)]
pub(super) struct FileWatch {
    database: WatchedFile,
    wal: WatchedFile,
    /// Rebuilt at each start; without it, other processes do not notice that the database is in use.
    shared_memory: WatchedFile,
}

/// A path and the file that was there at the start.
#[derive(Debug)]
struct WatchedFile {
    path: PathBuf,
    identity: Identity,
}

/// Device and inode number, on systems that have them.
type Identity = (u64, u64);

impl FileWatch {
    /// Remembers the files below `data`, which must be open and in use.
    ///
    /// # Errors
    /// [`OpenError::Io`] if a file is missing; [`OpenError::Start`] if the database is not the locked one.
    pub(super) fn remember(data: &Path, locks: &Locks) -> Result<Self, OpenError> {
        let watched = |name: &str| {
            let path = data.join(name);
            match identity_at(&path) {
                Ok(identity) => Ok(WatchedFile { path, identity }),
                Err(source) => Err(OpenError::Io { path, source }),
            }
        };
        let file_watch = Self {
            database: watched(data_dir::DATABASE)?,
            wal: watched(data_dir::DATABASE_WAL)?,
            shared_memory: watched(data_dir::DATABASE_SHARED_MEMORY)?,
        };
        let locked = locks.database().map(File::metadata);
        let replaced = match locked {
            Some(Ok(locked)) => identity(&locked) != file_watch.database.identity,
            Some(Err(source)) => {
                let path = file_watch.database.path;
                return Err(OpenError::Io { path, source });
            }
            None => false,
        };
        if replaced {
            let reason = "the database was replaced while it was opened".to_owned();
            return Err(OpenError::Start(reason));
        }
        Ok(file_watch)
    }

    /// Checks that the last commit went to files that are still at their paths.
    ///
    /// # Errors
    /// A description of what happened to a file.
    pub(super) fn check(&self) -> Result<(), String> {
        if failpoints::is_planned("files-unwatched") {
            return Ok(());
        }
        self.database.check()?;
        self.wal.check()
    }

    /// Checks all files.
    pub(super) fn check_all(&self) -> Result<(), String> {
        self.check()?;
        self.shared_memory.check()
    }

    /// Whether the database file is still at its path.
    pub(super) fn has_database(&self) -> bool {
        self.database.check().is_ok()
    }
}

impl WatchedFile {
    fn check(&self) -> Result<(), String> {
        let path = self.path.display();
        match identity_at(&self.path) {
            Ok(found) if found == self.identity => Ok(()),
            Ok(_) => Err(format!("{path} was replaced while it was open")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(format!("{path} was removed while it was open"))
            }
            Err(error) => Err(format!("{path} cannot be found any more: {error}")),
        }
    }
}

fn identity_at(path: &Path) -> io::Result<Identity> {
    Ok(identity(&std::fs::metadata(path)?))
}

#[cfg(unix)]
fn identity(found: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (found.dev(), found.ino())
}

/// Other systems do not let open files be removed.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {
    (0, 0)
}
