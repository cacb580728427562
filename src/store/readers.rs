//! The connections that read, and the gate that stops reads while the write-ahead log is emptied.
//!
//! SQLite restarts the log from its beginning only when no connection reads from it. Under constant reads that moment never
//! comes, and the log grows without limit. So every read passes a gate, which the writer closes for a few milliseconds when
//! the log is long.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use super::Error;

/// The gate that every read passes. Reads are short: none holds the gate while it waits for a client.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// Starts a read; waits while the gate is closed. Not reentrant.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }

    /// Stops new reads and waits up to `timeout` for current ones to end; `None` if they take longer.
    pub(super) fn close(&self, timeout: Duration) -> Option<RwLockWriteGuard<'_, ()>> {
        self.0.try_write_for(timeout)
    }
}

/// The pool of connections that serves lists and chunks.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    pool: r2d2::Pool<SqliteConnectionManager>,
    gate: Gate,
}

impl Readers {
    pub(super) fn new(pool: r2d2::Pool<SqliteConnectionManager>, gate: Gate) -> Self {
        Self { pool, gate }
    }

    /// Runs a query, whose reading must end before it returns. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Busy`] if no connection becomes free in time, or the query's own error.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let connection = self.pool.get().map_err(|_| Error::Busy)?;
        let _entered = self.gate.enter();
        query(&connection)
    }
}
