//! One server to one file, whatever path leads to it.
//!
//! Two advisory locks: one on a file of its own beside the database, which also says who holds it, and, where
//! locks are per descriptor and do not meet SQLite's own, one on the database's inode, which catches hard links.
//! The database's descriptor is opened before SQLite opens the file and closed after: closing it earlier would
//! drop SQLite's POSIX locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::OpenError;
use super::schema::DATABASE_FILE;

const LOCK_FILE: &str = "lock";

/// The files below `data` that hold the locks and the database: whoever opens and closes one of the latter in this
/// process drops SQLite's locks. They are all there once the store is open.
pub(crate) fn own_files(data: &Path) -> Vec<PathBuf> {
    let suffixes = ["", "-wal", "-shm"];
    let database = suffixes.map(|suffix| data.join(format!("{DATABASE_FILE}{suffix}")));
    database.into_iter().chain([data.join(LOCK_FILE)]).collect()
}

/// Held for as long as the server lives.
#[derive(Debug)]
pub(super) struct Locks {
    lock_file: File,
    /// Whoever had them before did not give them back.
    left_behind: bool,
    database: Option<File>,
}

impl Locks {
    /// Takes the lock file below `data`.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| OpenError::Io {
                path: path.clone(),
                source,
            })?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is a courtesy; the refusal stands without.
                let _ = file.read_to_string(&mut holder);
                return Err(OpenError::InUse {
                    path,
                    holder: holder.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
        }
        // Emptied by whoever stops in order.
        let left_behind = file.metadata().is_ok_and(|found| found.len() > 0);
        let write_pid = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write_pid(&mut file).map_err(|source| OpenError::Io { path, source })?;
        Ok(Self {
            lock_file: file,
            left_behind,
            database: None,
        })
    }

    /// Takes the lock on the database's inode as well. `database` must stay open from before SQLite's first
    /// open to after its last close, which is why it is handed over.
    pub(super) fn add_database(&mut self, path: &Path, database: File) -> Result<(), OpenError> {
        #[cfg(target_os = "linux")]
        match database.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse {
                    path: path.to_owned(),
                    holder: None,
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(OpenError::Io {
                    path: path.to_owned(),
                    source,
                });
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = path;
        self.database = Some(database);
        Ok(())
    }

    /// The database's own file.
    pub(super) fn database(&self) -> Option<&File> {
        self.database.as_ref()
    }

    /// Whether the last one to hold them died.
    pub(super) fn were_left_behind(&self) -> bool {
        self.left_behind
    }

    /// Says that this one did not, once the database is closed.
    pub(super) fn release(self) {
        // At worst the next one believes that we died.
        let _ = self.lock_file.set_len(0);
    }
}
