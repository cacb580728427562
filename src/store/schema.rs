//! Creates and identifies the database, and opens connections to it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags, params};

use super::file_format::{BUSY_TIMEOUT, USER_VERSION};
use super::lock::Locks;
use super::meta::{meta, set_meta};
use super::{OpenError, TokensAtStart, wal};
use crate::job::IdleMs;
use crate::{data_dir, failpoints};

/// "Clok": identifies the file as Cloakroom's.
const APPLICATION_ID: u32 = 0x436c_6f6b;
const SCHEMA: &str = include_str!("../../schema.sql");

/// Oldest supported SQLite. Older releases can corrupt a WAL database that several connections reset at the same time.
const SQLITE_AT_LEAST: i32 = 3_051_003;

/// The opened database, locked by this server.
pub(super) struct Opened {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) locks: Locks,
    pub(super) boot: u32,
    pub(super) idle: IdleMs,
    /// Whether the last run of the server ended in order.
    pub(super) in_order: bool,
    pub(super) monitor_key: Vec<u8>,
}

/// Opens the database below `data`, creating folder and database if they are missing.
pub(super) fn open(data: &Path, tokens: &TokensAtStart) -> Result<Opened, OpenError> {
    if rusqlite::version_number() < SQLITE_AT_LEAST {
        return Err(OpenError::SqliteTooOld(rusqlite::version()));
    }
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { path, source }
    };
    data_dir::create_private_dir_all(data).map_err(io_error(data))?;
    let mut locks = Locks::take(data)?;
    let path = data.join(data_dir::DATABASE);
    let wal = data.join(data_dir::DATABASE_WAL);
    let has_wal = wal.try_exists().map_err(io_error(&wal))?;
    if !path.try_exists().map_err(io_error(&path))? {
        // An orderly stop leaves an empty WAL. Any other WAL belongs to a database that was removed, and SQLite would apply
        // it to the new one.
        let is_empty = fs::metadata(&wal).is_ok_and(|found| found.len() == 0);
        if has_wal && (locks.were_left_behind() || !is_empty) {
            return Err(OpenError::Missing { path, wal });
        }
        create(data, &path)?;
    } else if locks.were_left_behind() && !has_wal {
        tracing::warn!(wal = %wal.display(), "the last server crashed, and its write-ahead log is missing: the last jobs that it accepted may be lost");
    }
    let mut file = File::options()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(io_error(&path))?;
    recognise(&path, &mut file)?;
    locks.add_database(&path, file)?;
    let recognised = wal::recognise(&path)?;

    let connection = plain_connection(&path)?;
    drop(recognised);
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > USER_VERSION {
        return Err(OpenError::Newer { path, version });
    }
    remember_tokens(&connection, tokens)?;
    let life = begin_life(&connection)?;
    Ok(Opened {
        path,
        connection,
        locks,
        boot: life.boot,
        idle: life.idle,
        in_order: life.in_order,
        monitor_key: life.monitor_key,
    })
}

/// Checks the header without SQLite, which would roll back a journal or write a WAL for a file that is not ours.
pub(super) fn recognise(path: &Path, file: &mut File) -> Result<(), OpenError> {
    let foreign = |what| {
        Err(OpenError::Foreign {
            path: path.to_owned(),
            what,
        })
    };
    let mut header = [0; 72];
    if file.read_exact(&mut header).is_err() {
        return foreign("the file is too short");
    }
    if &header[..16] != b"SQLite format 3\0" {
        return foreign("the file is not an SQLite database");
    }
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    if number(68) != APPLICATION_ID {
        return foreign("the file belongs to another application");
    }
    if number(60) > USER_VERSION {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            version: number(60),
        });
    }
    Ok(())
}

/// Creates the database under a temporary name and renames it, so that a crash leaves no incomplete database.
fn create(data: &Path, path: &Path) -> Result<(), OpenError> {
    let io_error = |source| OpenError::Io {
        path: path.to_owned(),
        source,
    };
    let draft = data.join(data_dir::NEW_DATABASE);
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut leftover = draft.clone().into_os_string();
        leftover.push(suffix);
        match fs::remove_file(&leftover) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_error(e)),
            _ => {}
        }
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| OpenError::Start(format!("no randomness: {e}")))?;
    let connection = Connection::open(&draft)?;
    connection.pragma_update(None, "page_size", 4096)?;
    connection.pragma_update(None, "auto_vacuum", "incremental")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.execute_batch("begin immediate")?;
    connection.execute_batch(SCHEMA)?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    connection.pragma_update(None, "user_version", USER_VERSION)?;
    let mut insert = connection.prepare("insert into meta (key, value) values (?, ?)")?;
    insert.execute(params!["boot", 0])?;
    insert.execute(params!["ended_in_order", 1])?;
    insert.execute(params!["tokens_required", 0])?;
    insert.execute(params!["idle_ms", 0])?;
    insert.execute(params!["seq_next", 1])?;
    insert.execute(params!["blob_next", 1])?;
    insert.execute(params!["monitor_key", key])?;
    drop(insert);
    connection.execute_batch("commit")?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.close().map_err(|(_, e)| e)?;
    File::open(&draft)
        .and_then(|f| f.sync_all())
        .map_err(io_error)?;
    fs::rename(&draft, path).map_err(io_error)?;
    data_dir::sync_dir(data).map_err(io_error)
}

/// Makes sure that a lost token file does not open the server to everyone. Writes only on a change. A crash around the
/// write is harmless, as the token file still exists.
fn remember_tokens(connection: &Connection, tokens: &TokensAtStart) -> Result<(), OpenError> {
    let were_required: bool = meta(connection, "tokens_required")?;
    let are_required = match tokens {
        TokensAtStart::Absent(path) if were_required => {
            let path = path.clone();
            return Err(OpenError::TokensMissing { path });
        }
        TokensAtStart::Absent(_) | TokensAtStart::Ignored => were_required,
        TokensAtStart::Off => false,
        TokensAtStart::Required => true,
    };
    if are_required != were_required {
        set_meta(connection, "tokens_required", i64::from(are_required))?;
    }
    Ok(())
}

struct Life {
    boot: u32,
    idle: IdleMs,
    in_order: bool,
    monitor_key: Vec<u8>,
}

/// Counts this start and reads the values that persist between starts.
fn begin_life(connection: &Connection) -> Result<Life, OpenError> {
    let in_order = meta(connection, "ended_in_order")?;
    // A crash after this commit only leaves an unused boot number.
    connection.execute_batch(
        "begin immediate;
         update meta set value = value + 1 where key = 'boot';
         update meta set value = 0 where key = 'ended_in_order';
         commit",
    )?;
    Ok(Life {
        boot: meta(connection, "boot")?,
        idle: IdleMs(meta(connection, "idle_ms")?),
        in_order,
        monitor_key: meta(connection, "monitor_key")?,
    })
}

/// Records that a run ends in order. After a crash following this commit, the next start finds an orderly end.
pub(super) fn end_life(connection: &Connection, clock: IdleMs) -> Result<(), rusqlite::Error> {
    store_clock(connection, clock)?;
    set_meta(connection, "ended_in_order", 1)
}

/// Stores the idle clock's reading. After a crash the clock continues from there.
pub(super) fn store_clock(connection: &Connection, clock: IdleMs) -> Result<(), rusqlite::Error> {
    set_meta(connection, "idle_ms", clock.0)
}

/// A connection that can write; only the writer and the checkpointer have one.
pub(super) fn plain_connection(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let synchronous = if failpoints::is_planned("synchronous-normal") {
        "normal"
    } else {
        "full"
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    // On macOS fsync leaves data in the disk's cache unless this is set. No effect elsewhere.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    // 1 MiB of pages: the upper levels of every b-tree.
    connection.pragma_update(None, "cache_size", -1024)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn reading_connection(path: &Path) -> Result<Connection, OpenError> {
    let connection = plain_connection(path)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// A pool of connections that cannot write.
pub(super) fn pool(
    path: &Path,
    size: u32,
) -> Result<r2d2::Pool<SqliteConnectionManager>, OpenError> {
    let manager = SqliteConnectionManager::file(path)
        .with_flags(OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .with_init(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(
                "pragma mmap_size = 0; pragma cache_size = -256; pragma query_only = true;",
            )
        });
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        .test_on_check_out(false)
        .build(manager)
        .map_err(|e| OpenError::Start(e.to_string()))
}
