//! Makes sure that only one server uses a database, whatever path leads to it.
//!
//! Two advisory locks: one on a separate file beside the database, which also holds the server's process id, and, on
//! systems where locks belong to a descriptor and do not conflict with SQLite's own, one on the database file itself, which
//! detects hard links. The descriptor of the database is opened before SQLite opens the file and closed after SQLite
//! closes it: closing it earlier would release SQLite's POSIX locks.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::OpenError;
use crate::data_dir;

/// The files below `data` that hold the locks and the database. Opening and closing a database file elsewhere in this
/// process would release SQLite's locks. All of them exist once the store is open.
pub(crate) fn own_files(data: &Path) -> Vec<PathBuf> {
    let names = [
        data_dir::DATABASE,
        data_dir::DATABASE_WAL,
        data_dir::DATABASE_SHARED_MEMORY,
        data_dir::LOCK,
    ];
    names.map(|name| data.join(name)).into()
}

/// Checks that no other server uses the data below `data`, without writing to it.
///
/// # Errors
/// [`OpenError::InUse`].
pub(crate) fn check_unused(data: &Path) -> Result<(), OpenError> {
    let path = data.join(data_dir::LOCK);
    // Whatever else is wrong is found when the data is opened.
    let Ok(file) = File::open(&path) else {
        return Ok(());
    };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Err(in_use(path, file)),
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

fn in_use(path: PathBuf, mut lock_file: File) -> OpenError {
    let mut holder = String::new();
    // The process id is only for the message.
    let _ = lock_file.read_to_string(&mut holder);
    OpenError::InUse {
        path,
        holder: holder.trim().parse().ok(),
    }
}

/// The locks of a running server.
#[derive(Debug)]
pub(super) struct Locks {
    lock_file: File,
    /// The previous holder did not release the locks.
    left_behind: bool,
    database: Option<File>,
}

impl Locks {
    /// Takes the lock on the lock file below `data`.
    pub(super) fn take(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(data_dir::LOCK);
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
            Err(TryLockError::WouldBlock) => return Err(in_use(path, file)),
            Err(TryLockError::Error(source)) => return Err(OpenError::Io { path, source }),
        }
        // A server that stops in order empties the file.
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

    /// Takes the lock on the database file as well. `database` must stay open from before SQLite first opens the file until
    /// after it has closed it, so it is kept here.
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

    /// The database file.
    pub(super) fn database(&self) -> Option<&File> {
        self.database.as_ref()
    }

    /// Whether the previous server crashed.
    pub(super) fn were_left_behind(&self) -> bool {
        self.left_behind
    }

    /// Marks the locks as released in order; call once the database is closed.
    pub(super) fn release(self) {
        // At worst the next server takes this one for crashed.
        let _ = self.lock_file.set_len(0);
    }
}
