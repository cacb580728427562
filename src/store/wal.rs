//! The write-ahead log, which is copied into the database and emptied before it becomes long.
//!
//! A thread of its own copies the log while the writer continues. If the log becomes long nevertheless, the writer copies
//! the rest, closes the gate for readers and empties the log: SQLite cannot do that while a connection reads from it. Reads
//! of other processes cannot be stopped: during such a read the log grows, and the server logs a warning. A log file that
//! has become long is truncated when the server is idle.

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
use super::file_format::{BUSY_TIMEOUT, PAGE_BYTES};
use super::meta::meta;
use super::readers::Gate;
use super::{OpenError, lockers};
use crate::failpoints;
use crate::vital::Vital;

/// The writer empties a WAL that is longer than this many times the length at which the checkpointer is woken.
const WAL_STEPS: u64 = 4;
/// How long emptying the WAL waits for current reads, and so how long new reads may have to wait.
const GATE_TIMEOUT: Duration = Duration::from_millis(100);
/// A server that has written nothing for this long is idle.
const IDLE_PAUSE: Duration = Duration::from_secs(2);
/// Interval between attempts of an idle server to truncate a log that is being read.
const RETRY_PAUSE: Duration = Duration::from_secs(30);
/// A log that cannot be emptied is reported from this length in bytes on, or after `STUCK_TIME`.
const STUCK_BYTES: u64 = 64 << 20;
const STUCK_TIME: Duration = Duration::from_mins(1);

thread_local! {
    /// Number of pages in the WAL after the last commit on this thread.
    static WAL_PAGES: Cell<u64> = const { Cell::new(0) };
}

/// The writer's view of the WAL.
pub(super) struct Wal {
    disk: Arc<Disk>,
    gate: Gate,
    /// Held during a copy.
    copying: Arc<Mutex<()>>,
    /// Bytes in the WAL when it was last copied.
    checkpointed: u64,
    /// Upper bound of the length of the WAL file, in bytes.
    length: u64,
    /// Wakes the checkpointer.
    call: SyncSender<()>,
    /// The time of the last write or failed truncation, and how long to wait from then on.
    idle_wait: (Instant, Duration),
    stuck: Option<Stuck>,
}

/// Since when the log cannot be emptied, and whether that was logged.
struct Stuck {
    since: Instant,
    is_logged: bool,
}

/// What keeps a log from being emptied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeldBy {
    /// A long read of this server.
    OwnRead,
    /// Another process reads from the log, or copies it.
    OtherProcess,
}

impl Wal {
    /// Starts the checkpointer's thread on a connection of its own; the thread ends when the returned `Wal` is dropped.
    pub(super) fn start(
        disk: Arc<Disk>,
        gate: Gate,
        checkpointer: Connection,
        vital: &Vital,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        // One pending call is enough: it covers those that come meanwhile.
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
            // After a crash the file is as long as it was then.
            length: disk.stats().wal,
            disk,
            call,
            idle_wait: (Instant::now(), IDLE_PAUSE),
            stuck: None,
        };
        Ok((wal, thread))
    }

    /// Watches a connection that commits on this thread. Limits the size of the log file that remains after a restart of the log.
    pub(super) fn watch(&self, connection: &Connection) {
        connection.wal_hook(Some(|_, pages| {
            WAL_PAGES.set(pages.unsigned_abs().into());
            Ok(())
        }));
        let limit = (WAL_STEPS * self.disk.wal_step()) as i64;
        let set = connection.pragma_update_and_check(None, "journal_size_limit", limit, |_| Ok(()));
        if let Err(error) = set {
            tracing::warn!(%error, "cannot limit the size of the write-ahead log; it is truncated when the server is idle");
        }
    }

    /// Copies or empties the log if the last transaction has made it long; also copies it if the database `has_shrunk`.
    pub(super) fn after_commit(&mut self, connection: &Connection, has_shrunk: bool) {
        let bytes = WAL_PAGES.get() * PAGE_BYTES;
        self.disk.set_wal(bytes);
        self.length = self.length.max(bytes);
        self.idle_wait = (Instant::now(), IDLE_PAUSE);
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
            // A full channel means that the checkpointer was woken already.
            let _ = self.call.try_send(());
        }
    }

    /// When to truncate the log if nothing is written until then.
    pub(super) fn wants_cutting(&self) -> Option<Instant> {
        let (since, pause) = self.idle_wait;
        (self.length > self.disk.wal_step()).then_some(since + pause)
    }

    /// Truncates a long log if the server is idle.
    pub(super) fn cut(&mut self, connection: &Connection) {
        if self
            .wants_cutting()
            .is_none_or(|when| when > Instant::now())
        {
            return;
        }
        self.length = self.disk.stats().wal;
        if self.length > self.disk.wal_step() && !self.empty(connection, "truncate") {
            self.idle_wait = (Instant::now(), RETRY_PAUSE);
        }
    }

    /// Copies the whole log, so that the next transaction restarts it, or truncates it if `mode` is `truncate`; false if a
    /// connection reads from it.
    fn empty(&mut self, connection: &Connection, mode: &str) -> bool {
        let copying = Arc::clone(&self.copying);
        // Waits for the checkpointer, which would block the last step.
        let _copying = copying.lock();
        // Most of the log is copied while readers continue.
        copy(connection, "passive");
        let gate = self.gate.clone();
        let held_by = match gate.close(GATE_TIMEOUT) {
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
        if self.stuck.take().is_some_and(|stuck| stuck.is_logged) {
            tracing::info!("the write-ahead log was emptied again");
        }
    }

    fn is_stuck(&mut self, held_by: HeldBy) {
        let stuck = self.stuck.get_or_insert_with(|| Stuck {
            since: Instant::now(),
            is_logged: false,
        });
        if stuck.is_logged || self.length < STUCK_BYTES && stuck.since.elapsed() < STUCK_TIME {
            return;
        }
        stuck.is_logged = true;
        let bytes = self.length;
        match held_by {
            HeldBy::OwnRead => tracing::warn!(
                bytes,
                "the write-ahead log cannot be emptied during a long read of the database, and grows"
            ),
            HeldBy::OtherProcess => tracing::warn!(
                bytes,
                processes = ?lockers::readers(&self.disk.shared_memory()),
                "the write-ahead log cannot be emptied and grows: another process reads the database"
            ),
        }
    }
}

/// Empties a log that has been copied, unless a connection reads from it; does not wait.
fn reset(connection: &Connection, mode: &str) -> bool {
    let checkpoint = format!("pragma wal_checkpoint({mode})");
    let begun = connection.busy_timeout(Duration::ZERO);
    let busy =
        begun.and_then(|()| connection.query_row(&checkpoint, [], |row| row.get::<_, bool>(0)));
    if let Err(error) = connection.busy_timeout(BUSY_TIMEOUT) {
        tracing::warn!(%error, "cannot restore the writer's busy timeout");
    }
    match busy {
        Ok(busy) => !busy,
        Err(error) => {
            tracing::warn!(%error, mode, "a checkpoint failed and will be tried again");
            false
        }
    }
}

/// Checks that the WAL beside a database belongs to it: SQLite would apply any valid WAL. Changes neither file. SQLite must
/// not have the database open in this process. Keeping the returned connection until the next one is open saves reading
/// the WAL twice.
///
/// # Errors
/// [`OpenError::ForeignWal`] if the WAL belongs to another database; [`OpenError::Sqlite`] if the two cannot be read together.
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
    // The key is created with the database and never changes. A page torn by a power failure is repaired from the WAL.
    let Ok(own) = meta::<Vec<u8>>(&alone, "monitor_key") else {
        return Ok(None);
    };
    drop(alone);
    let together = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Otherwise closing the connection would copy the WAL into the database.
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

/// The URI of a database without its WAL and without locks.
fn immutable(database: &Path) -> Option<String> {
    let mut url = Url::from_file_path(std::path::absolute(database).ok()?).ok()?;
    url.set_query(Some("immutable=1"));
    Some(url.into())
}

/// Copies the WAL into the database. `passive` neither waits nor blocks, `full` waits for readers, `truncate` also empties
/// the WAL.
pub(super) fn copy(connection: &Connection, mode: &str) {
    let checkpoint = format!("pragma wal_checkpoint({mode})");
    if let Err(error) = connection.query_row(&checkpoint, [], |_| Ok(())) {
        tracing::warn!(%error, mode, "a checkpoint failed and will be tried again");
    }
}
