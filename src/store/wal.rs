//! The write-ahead log, which is copied into the database before it is long.
//!
//! A thread of its own copies while the writer goes on; when that does not suffice the writer copies the last of it,
//! and writes nothing meanwhile, so that the log begins anew.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;

use super::disk::Disk;

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
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        // A call that waits will do for all that come meanwhile.
        let (call, calls) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("store-checkpoints".into())
            .spawn(move || {
                for () in calls {
                    copy(&checkpointer, "passive");
                }
            })?;
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

/// Copies the WAL into the database. `passive` waits for nobody and holds up nobody, `full` waits for readers, `truncate`
/// also empties the WAL.
pub(super) fn copy(connection: &Connection, mode: &str) {
    let checkpoint = format!("pragma wal_checkpoint({mode})");
    if let Err(error) = connection.query_row(&checkpoint, [], |_| Ok(())) {
        tracing::warn!(%error, mode, "a checkpoint failed, the next one may do");
    }
}
