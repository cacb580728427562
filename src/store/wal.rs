//! The write-ahead log, which is copied into the database before it is long, and emptied.
//!
//! A thread of its own copies while the writer goes on. When the log is long all the same, the writer copies the last of
//! it, closes the gate for readers and empties it: SQLite cannot while anybody reads from it. What other processes read
//! is not ours to hold up: while one of them reads the log grows, and the server says so. A log that has become long is
//! cut when the server is idle.

use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use url::Url;

use super::disk::Disk;
use super::readers::Gate;
use super::schema::{BUSY_TIMEOUT, meta};
use super::{OpenError, lockers};
use crate::failpoints;
use crate::vital::Vital;

/// The length of a page.
pub(super) const PAGE_BYTES: u64 = 4096;
/// The WAL may be this many times longer than what the checkpointer is called for; then the writer empties it.
const WAL_STEPS: u64 = 4;
/// How long the reads that are under way may hold up its emptying, and so how long others may have to wait.
const GATE_PATIENCE: Duration = Duration::from_millis(100);
/// A server that has written nothing for so long is idle.
const IDLE_PAUSE: Duration = Duration::from_secs(2);
/// Between two attempts of an idle server to cut a log that others read.
const RETRY_PAUSE: Duration = Duration::from_secs(30);
/// A log that cannot be emptied is worth a word from this length on, in bytes, or after this time.
const STUCK_BYTES: u64 = 64 << 20;
const STUCK_TIME: Duration = Duration::from_mins(1);

thread_local! {
    /// Pages in the WAL after the last commit of this thread.
    static WAL_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// The WAL, as the writer sees it.
pub(super) struct Wal {
    disk: Arc<Disk>,
    gate: Gate,
    /// Held by whoever copies.
    copying: Arc<Mutex<()>>,
    /// Bytes of it that were there when it was last copied.
    checkpointed: u64,
    /// How long its file may be, in bytes.
    length: u64,
    /// Wakes the checkpointer.
    call: SyncSender<()>,
    /// When something was last written, or cutting was last tried in vain, and how long it is left alone from then on.
    rests: (Instant, Duration),
    stuck: Option<Stuck>,
}

/// Since when the log could not be emptied, and whether that was said.
struct Stuck {
    since: Instant,
    is_said: bool,
}

/// Why a log was not emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldBy {
    /// A read of ours takes long.
    OwnRead,
    /// Another process reads from it, or copies it itself.
    OtherProcess,
}

impl Wal {
    /// Starts the checkpointer's thread on a connection of its own; it ends when this is dropped.
    pub(super) fn start(
        disk: Arc<Disk>,
        gate: Gate,
        checkpointer: Connection,
        vital: &Vital,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        // A call that waits will do for all that come meanwhile.
        let (call, calls) = sync_channel(1);
        let copying = Arc::<Mutex<()>>::default();
        let copies = Arc::clone(&copying);
        let work = move || {
            for () in calls {
                failpoints::panic_point("store-checkpoints");
                let _copying = copies.lock();
                copy(&checkpointer, "passive");
            }
        };
        let thread = vital.thread("store-checkpoints", thread::Builder::new(), work)?;
        let wal = Self {
            gate,
            copying,
            checkpointed: 0,
            // A life that was cut short has left one as long as it happened to be.
            length: disk.stats().wal,
            disk,
            call,
            rests: (Instant::now(), IDLE_PAUSE),
            stuck: None,
        };
        Ok((wal, thread))
    }

    /// Watches a connection that commits on this thread. Whenever it begins the log anew it cuts what is too long of it.
    pub(super) fn watch(&self, connection: &Connection) {
        connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(pages.unsigned_abs().into());
            Ok(())
        }));
        let limit = (WAL_STEPS * self.disk.wal_step()) as i64;
        let set = connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()));
        if let Err(error) = set {
            tracing::warn!(%error, "the write-ahead log has no limit, it is cut when the server is idle");
        }
    }

    /// Has it copied or emptied where the last transaction has made it long, or `has_shrunk` the database.
    pub(super) fn after_commit(&mut self, connection: &Connection, has_shrunk: bool) {
        let bytes = WAL_PAGES.get() * PAGE_BYTES;
        self.disk.set_wal(bytes);
        self.length = self.length.max(bytes);
        self.rests = (Instant::now(), IDLE_PAUSE);
        if bytes < self.checkpointed {
            self.checkpointed = 0;
            self.is_emptied();
        }
        let step = self.disk.wal_step();
        let grown = bytes - self.checkpointed >= step;
        if grown && bytes >= WAL_STEPS * step {
            self.checkpointed = bytes;
            self.empty(connection, "restart");
        } else if grown || has_shrunk && bytes > 0 {
            self.checkpointed = bytes;
            // One that is full has been called already.
            let _ = self.call.try_send(());
        }
    }

    /// When it wants to be cut if nothing is written until then.
    pub(super) fn wants_cutting(&self) -> Option<Instant> {
        let (since, pause) = self.rests;
        (self.length > self.disk.wal_step()).then_some(since + pause)
    }

    /// Cuts it where it is long and the server idle.
    pub(super) fn cut(&mut self, connection: &Connection) {
        if self
            .wants_cutting()
            .is_none_or(|when| when > Instant::now())
        {
            return;
        }
        self.length = self.disk.stats().wal;
        if self.length > self.disk.wal_step() && !self.empty(connection, "truncate") {
            self.rests = (Instant::now(), RETRY_PAUSE);
        }
    }

    /// Copies all of it and has the next transaction begin it anew, or with `truncate` cuts it to nothing; false if
    /// somebody reads from it.
    fn empty(&mut self, connection: &Connection, mode: &str) -> bool {
        let copying = Arc::clone(&self.copying);
        // The checkpointer would be in the way of the last step.
        let _copying = copying.lock();
        // Everybody reads on while most of it is copied.
        copy(connection, "passive");
        let gate = self.gate.clone();
        let held_by = match gate.close(GATE_PATIENCE) {
            None => Some(HeldBy::OwnRead),
            Some(_closed) => (!reset(connection, mode)).then_some(HeldBy::OtherProcess),
        };
        match held_by {
            None => {
                self.checkpointed = 0;
                self.disk.set_wal(0);
                if mode == "truncate" {
                    self.length = 0;
                }
                self.is_emptied();
            }
            Some(held_by) => self.is_stuck(held_by),
        }
        held_by.is_none()
    }

    fn is_emptied(&mut self) {
        if self.stuck.take().is_some_and(|stuck| stuck.is_said) {
            tracing::info!("the write-ahead log was emptied again");
        }
    }

    fn is_stuck(&mut self, held_by: HeldBy) {
        let stuck = self.stuck.get_or_insert_with(|| Stuck {
            since: Instant::now(),
            is_said: false,
        });
        if stuck.is_said || self.length < STUCK_BYTES && stuck.since.elapsed() < STUCK_TIME {
            return;
        }
        stuck.is_said = true;
        let bytes = self.length;
        match held_by {
            HeldBy::OwnRead => tracing::warn!(
                bytes,
                "the write-ahead log cannot be emptied while a read of the database takes so long; it grows"
            ),
            HeldBy::OtherProcess => tracing::warn!(
                bytes,
                processes = ?lockers::readers(&self.disk.shared_memory()),
                "the write-ahead log cannot be emptied: another process reads the database; it grows until that is over"
            ),
        }
    }
}

/// Empties a WAL that has been copied, if nobody reads from it; waits for nobody.
fn reset(connection: &Connection, mode: &str) -> bool {
    let checkpoint = format!("pragma wal_checkpoint({mode})");
    let begun = connection.busy_timeout(Duration::ZERO);
    let busy =
        begun.and_then(|()| connection.query_row(&checkpoint, [], |row| row.get::<_, bool>(0)));
    if let Err(error) = connection.busy_timeout(BUSY_TIMEOUT) {
        tracing::warn!(%error, "the writer waits for nobody from here on");
    }
    match busy {
        Ok(busy) => !busy,
        Err(error) => {
            tracing::warn!(%error, mode, "a checkpoint failed, the next one may do");
            false
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
