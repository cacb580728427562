//! The write-ahead log, which is copied into the database before it is long.
//!
//! A thread of its own copies while the writer goes on; when that does not suffice the writer copies the last of it,
//! and writes nothing meanwhile, so that the log begins anew.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::OpenError;
use super::disk::Disk;
use super::schema::meta;
use crate::faults;
use crate::vital::Vital;

/// The length of a page.
pub(super) const PAGE_BYTES: u64 = 4096;
/// The WAL may be this many times longer than what the checkpointer is called for; then the writer does the last of a
/// checkpoint itself: while it writes nothing the WAL can be copied to its end, and begins anew.
const WAL_STEPS: u64 = 4;

thread_local! {
    /// Pages in the WAL after the last commit of this thread.
    static WAL_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// The WAL, as the writer sees it.
pub(super) struct Wal {
    disk: Arc<Disk>,
    /// Bytes of it that were there when it was last copied.
    checkpointed: u64,
    /// Wakes the checkpointer.
    call: SyncSender<()>,
}

impl Wal {
    /// Starts the checkpointer's thread on a connection of its own; it ends when this is dropped.
    pub(super) fn start(
        disk: Arc<Disk>,
        checkpointer: Connection,
        vital: &Vital,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        // A call that waits will do for all that come meanwhile.
        let (call, calls) = sync_channel(1);
        let work = move || {
            for () in calls {
                faults::panic_point("store-checkpoints");
                copy(&checkpointer, "passive");
            }
        };
        let thread = vital.thread("store-checkpoints", thread::Builder::new(), work)?;
        let wal = Self {
            disk,
            checkpointed: 0,
            call,
        };
        Ok((wal, thread))
    }

    /// Watches a connection that commits on this thread.
    pub(super) fn watch(connection: &Connection) {
        connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(pages.unsigned_abs().into());
            Ok(())
        }));
    }

    /// Has it copied where the last transaction has made it long, or `has_shrunk` the database.
    pub(super) fn after_commit(&mut self, connection: &Connection, has_shrunk: bool) {
        let bytes = WAL_PAGES.get() * PAGE_BYTES;
        self.disk.set_wal(bytes);
        if bytes < self.checkpointed {
            self.checkpointed = 0;
        }
        let step = self.disk.wal_step();
        let grown = bytes - self.checkpointed >= step;
        if grown && bytes >= WAL_STEPS * step {
            self.checkpointed = bytes;
            copy(connection, "passive");
        } else if grown || has_shrunk && bytes > 0 {
            self.checkpointed = bytes;
            // One that is full has been called already.
            let _ = self.call.try_send(());
        }
    }
}

/// Finds out whether the WAL beside a database is its own: SQLite makes any that is whole a part of the database. Changes
/// neither. Nobody in this process may have the database open by SQLite. What it gives spares the next connection reading
/// the WAL once more, if it is kept until then.
///
/// # Errors
/// It is another one's, or cannot be read together with the database.
pub(super) fn recognise(database: &Path) -> Result<Option<Connection>, OpenError> {
    let mut wal = database.as_os_str().to_owned();
    wal.push("-wal");
    let wal = Path::new(&wal);
    if !std::fs::metadata(wal).is_ok_and(|found| found.len() > 0) {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let alone = immutable(database).map(|url| Connection::open_with_flags(url, flags));
    let Some(Ok(alone)) = alone else {
        return Ok(None);
    };
    // Made with the database and never changed. A power cut may have torn the page, which the WAL then mends.
    let Ok(own) = meta::<Vec<u8>>(&alone, "monitor_key") else {
        return Ok(None);
    };
    drop(alone);
    let together = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Else its end would copy the one into the other.
    together.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    if meta::<Vec<u8>>(&together, "monitor_key")? == own {
        Ok(Some(together))
    } else {
        Err(OpenError::ForeignWal {
            path: database.to_owned(),
            wal: wal.to_owned(),
        })
    }
}

/// The address of a database as it is without its WAL, and without locks.
fn immutable(database: &Path) -> Option<String> {
    let mut url = Url::from_file_path(std::path::absolute(database).ok()?).ok()?;
    url.set_query(Some("immutable=1"));
    Some(url.into())
}

/// Copies the WAL into the database. `passive` waits for nobody and holds up nobody, `full` waits for readers, `truncate`
/// also empties the WAL.
pub(super) fn copy(connection: &Connection, mode: &str) {
    let checkpoint = format!("pragma wal_checkpoint({mode})");
    if let Err(error) = connection.query_row(&checkpoint, [], |_| Ok(())) {
        tracing::warn!(%error, mode, "a checkpoint failed, the next one may do");
    }
}
