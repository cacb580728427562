//! The connections that read, and the gate that holds reads up while the write-ahead log is emptied.
//!
//! SQLite writes the log from its beginning again only when nobody reads from it. Under constant reads that moment never
//! comes by itself, and the log grows without end. So every read passes a gate, which the writer closes for some
//! milliseconds when the log is long.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::Connection;

use super::Error;

/// What every read passes. Reads are short: none holds the gate while it waits for a client.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<RwLock<()>>);

impl Gate {
    /// Begins a read; waits while the gate is closed. A read must not begin another.
    pub(super) fn enter(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read()
    }

    /// Lets no read begin, and waits up to `timeout` for the end of those that have; none if they take longer.
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

    /// Reads; what the query has begun is over when it returns. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Busy`] where no connection is free for long, and the query's own.
    pub(super) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let connection = self.pool.get().map_err(|_| Error::Busy)?;
        let _entered = self.gate.enter();
        query(&connection)
    }
}
