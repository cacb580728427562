//! The one SQLite file: jobs, blobs, and a few single values.
//!
//! Owns every line of SQL. The floors above reach it through [`Store`]'s methods alone, so that another
//! engine could stand behind them. Rows are written by one connection on one thread (`writer`), which takes
//! whatever is waiting into one transaction, commits it with `synchronous=FULL`, tells the [`Observer`] what
//! changed and only then answers. Everyone else reads.

mod blobs;
mod claims;
mod clock;
mod disk;
mod inbox;
mod items;
mod jobs;
mod lock;
mod reader;
mod rows;
mod schema;
mod writer;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::Mutex;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, ErrorCode, ffi};
use tokio::sync::oneshot;

use crate::job::{
    BlobId, Event, INLINE_PARAMS_BYTES, IdleMs, IllegalEvent, Job, Params, Progress, Seq, Status,
    Version, Wishes,
};
pub use blobs::{BlobReader, BlobWriter, CHUNK_BYTES, WholeBlob};
pub use clock::{IdleClock, TICK};
use disk::Disk;
use inbox::{Command, Inbox, NewParams};
pub(crate) use lock::own_files;
pub use schema::OpenError;
pub(crate) use schema::create_private_dir;

/// Connections in the pool that serves lists and chunks.
const READERS: u32 = 4;

/// What the writer must know about an operation.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many of its jobs may run at once; at least 1.
    pub concurrency: usize,
    /// How long its ended jobs stay untouched before they are forgotten, in milliseconds.
    pub idle_timeout_ms: i64,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many jobs may wait.
    pub queue: usize,
    /// Bytes that stay free on the disk; none for a twentieth of it and at most 1 GiB.
    pub free_disk_bytes: Option<u64>,
    /// Bytes that the database may fill; none for as many as the disk has.
    pub database_bytes: Option<u64>,
    /// By operation name. A job of an operation that is not here is never claimed.
    pub operations: HashMap<Arc<str>, Limits>,
}

/// What a commit changed. Given in commit order, before any answer to those who asked for it.
#[derive(Debug, Clone)]
pub enum Committed {
    /// The job is now this.
    Saved(Arc<Job>),
    /// The job was claimed: run it.
    Claimed(Arc<Job>),
    /// The job is gone.
    Forgotten {
        /// Which.
        seq: Seq,
        /// The name of the token that it belonged to.
        token: Option<Arc<str>>,
    },
}

/// Whoever keeps a view of the jobs that are alive. Called on the writer's thread: must not block.
pub trait Observer: Send + Sync + 'static {
    /// A transaction is on disk.
    fn committed(&self, change: Committed);
    /// The writer stops for good, because of a failure that it cannot judge the extent of.
    fn fatal(&self, reason: &str);
}

/// A submission on its way into the store.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// The name of the token that submits it.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: Arc<str>,
    /// A JSON object.
    pub params: Arc<str>,
    /// What was sent along; becomes the job's in the same commit, or nobody's.
    pub uploads: Vec<WholeBlob>,
    /// What it wants besides the work; if anything.
    pub wishes: Arc<Wishes>,
    /// What the client calls the submission.
    pub key: Option<Key>,
    /// The job whose uploads it takes over.
    pub again: Option<Seq>,
}

/// A client's own name for a submission: the same one again makes no second job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Whose.
    pub token: Option<Arc<str>>,
    /// The name.
    pub key: String,
    /// A digest of what is submitted under it.
    pub print: [u8; 32],
}

impl Key {
    fn token_or_none(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// As many jobs wait as may.
    #[error("{0} jobs are waiting already")]
    QueueFull(usize),
    /// Something else was submitted under the same key.
    #[error("the key belongs to another submission")]
    KeyTaken,
    /// The job has not ended.
    #[error("the job has not ended")]
    NotEnded,
    /// The job is not there.
    #[error("there is no such job")]
    NotFound,
    /// The job is in a state that does not take this.
    #[error(transparent)]
    Illegal(#[from] IllegalEvent),
    /// The attempt that asks is not the current one.
    #[error("the attempt is over")]
    Superseded,
    /// No room on the disk.
    #[error("the disk is full")]
    StorageFull,
    /// Somebody else holds the database.
    #[error("the database is busy")]
    Busy,
    /// The store has stopped. Whether the request was kept is not known.
    #[error("the store has stopped")]
    Stopped,
    /// The file system does not let us write.
    #[error("the data folder is read-only")]
    ReadOnly,
    /// Anything else that SQLite says, about one statement.
    #[error("{0}")]
    Database(String),
    /// What is on the disk is not known any more.
    #[error("{0}")]
    Fatal(String),
}

impl Error {
    /// Whether it was foreseen and found before anything was written.
    fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::KeyTaken
                | Self::QueueFull(_)
                | Self::NotFound
                | Self::Illegal(_)
                | Self::Superseded
        )
    }

    fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal(_))
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::StorageFull => Self::new(io::ErrorKind::StorageFull, error),
            error => Self::other(error),
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let extended = error.sqlite_error().map(|error| error.extended_code);
        match error.sqlite_error_code() {
            // The file of shared memory could not grow.
            _ if extended == Some(ffi::SQLITE_IOERR_SHMSIZE) => Self::StorageFull,
            Some(ErrorCode::DiskFull) => Self::StorageFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory,
            ) => Self::Fatal(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}

/// What one start-up found.
#[derive(Debug, Default)]
pub struct Found {
    /// Every job that had not ended, in order of submission.
    pub active: Vec<Arc<Job>>,
    /// The life of the server that begins now, from 1.
    pub boot: u32,
    /// The idle clock as it was last stored, if the last life did not end in order.
    pub crashed_at: Option<IdleMs>,
    /// The key that monitor links are made with.
    pub monitor_key: Vec<u8>,
}

/// What the sweeper found out about jobs that were due.
#[derive(Debug, Clone, Default)]
pub struct Sweep {
    /// They go, results and all.
    pub expired: Vec<Seq>,
    /// They are not due before this.
    pub rearmed: Vec<(Seq, IdleMs)>,
    /// Everything that was due by this reading of the clock has been judged; it is stored.
    pub clock: Option<IdleMs>,
}

impl Sweep {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.expired.is_empty() && self.rearmed.is_empty() && self.clock.is_none()
    }
}

/// Which jobs a list is of.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In one of these states; in any if there are none.
    pub statuses: Vec<Status>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Submitted before this one.
    pub before: Option<Seq>,
    /// Of this owner.
    pub owner: Owner,
}

/// Whose jobs a list is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Owner {
    /// All of them.
    #[default]
    Any,
    /// Those that were submitted without a token.
    Without,
    /// Those of the token with this name.
    Token(Arc<str>),
}

/// An ended job that is due by what its row says.
#[derive(Debug, Clone)]
pub struct Due {
    /// Which.
    pub seq: Seq,
    /// Of which operation.
    pub operation: String,
    /// Since when.
    pub due: IdleMs,
}

/// Blobs that came with a submission which is not stored yet. Dropped, they are freed.
#[derive(Debug)]
pub struct Uploads {
    inbox: Arc<Inbox>,
    whole: Vec<WholeBlob>,
}

impl Uploads {
    /// Adds one.
    pub fn push(&mut self, whole: WholeBlob) {
        self.whole.push(whole);
    }

    /// Which they are.
    pub fn blobs(&self) -> Vec<BlobId> {
        self.whole.iter().map(|whole| whole.blob).collect()
    }

    /// All of them, to be submitted.
    pub fn take(&mut self) -> Vec<WholeBlob> {
        std::mem::take(&mut self.whole)
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.inbox
            .abandon(self.whole.drain(..).map(|whole| whole.blob));
    }
}

/// A handle on the open file.
#[derive(Debug)]
pub struct Store {
    inbox: Arc<Inbox>,
    point_reads: reader::Reader,
    pool: r2d2::Pool<SqliteConnectionManager>,
    clock: Arc<IdleClock>,
    disk: Arc<Disk>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Last, so that the locks outlive every connection.
    locks: Mutex<Option<lock::Locks>>,
}

impl Store {
    /// Opens the store below `data`, making it where there is none, and starts its threads. Needs a tokio runtime.
    ///
    /// # Errors
    /// Where the data is in use by another server, is not ours, is newer than we are, or cannot be read.
    pub fn open(
        data: &Path,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Result<(Arc<Self>, Found), OpenError> {
        let opened = schema::open(data)?;
        let clock = Arc::new(IdleClock::new(opened.idle));
        let disk = Disk::new(data, options.free_disk_bytes, options.database_bytes);
        let disk = disk.map_err(|source| OpenError::Io {
            path: data.to_owned(),
            source,
        })?;
        let disk = Arc::new(disk);
        let inbox = Arc::new(Inbox::default());
        let pool = schema::pool(&opened.path, READERS)?;
        let point_reads = reader::Reader::start(schema::reading_connection(&opened.path)?)?;
        let jobs = jobs::Jobs::load(&opened.connection, opened.boot, options, Arc::clone(&clock))?;
        let active = jobs.active();
        let writer = writer::Writer::new(opened.connection, jobs, observer, Arc::clone(&disk))
            .map_err(|e| OpenError::Start(e.to_string()))?;
        let checkpointer = schema::plain_connection(&opened.path)?;
        let threads = writer.start(Arc::clone(&inbox), checkpointer)?;
        let store = Self {
            inbox,
            point_reads,
            pool,
            clock,
            disk,
            threads: Mutex::new(threads),
            locks: Mutex::new(Some(opened.locks)),
        };
        Ok((
            Arc::new(store),
            Found {
                active,
                boot: opened.boot,
                crashed_at: opened.crashed_at,
                monitor_key: opened.monitor_key,
            },
        ))
    }

    /// The idle clock.
    pub fn clock(&self) -> &Arc<IdleClock> {
        &self.clock
    }

    /// Keeps the clock going and looks after the disk; once every [`TICK`].
    pub fn tick(&self) {
        self.clock.tick();
        self.disk.look();
    }

    /// Whether there is room for more. Looks at the disk.
    pub fn has_room(&self) -> bool {
        self.disk.has_room_now()
    }

    /// Stores a job; once this returns it is on the disk.
    ///
    /// # Errors
    /// [`Error::QueueFull`], [`Error::StorageFull`] and [`Error::Busy`] mean that nothing was stored.
    pub fn submit(&self, job: NewJob) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        let params = if job.params.len() <= INLINE_PARAMS_BYTES {
            NewParams::Inline
        } else {
            NewParams::Blob(self.inbox.new_blob())
        };
        let uploads: Vec<_> = job.uploads.iter().map(|whole| whole.blob).collect();
        let has_room = self.disk.has_room();
        let answer =
            has_room.then(|| self.ask(move |reply| Command::Submit { job, params, reply }));
        let inbox = Arc::clone(&self.inbox);
        async move {
            let result = match answer {
                Some(answer) => answer.await,
                None => Err(Error::StorageFull),
            };
            if result.as_ref().map_or(true, |job| *job.uploads != *uploads) {
                inbox.abandon(uploads);
            }
            result
        }
    }

    /// Stores a job that asks what `old` asked; what was uploaded for that one is the new one's too.
    ///
    /// # Errors
    /// As [`Store::submit`].
    pub fn submit_again(
        &self,
        old: &Job,
        params: Arc<str>,
    ) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        let (token, operation) = (old.token.clone(), Arc::clone(&old.operation));
        self.submit(NewJob {
            token,
            operation,
            params,
            uploads: Vec::new(),
            wishes: Arc::clone(&old.wishes),
            key: None,
            again: Some(old.seq),
        })
    }

    /// Records what happened to a job, as [`crate::job::apply`] decides; gives the job as it is then, or as it
    /// last was if the event made it go.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Illegal`], and what the disk may say.
    pub fn record(
        &self,
        seq: Seq,
        event: Event,
    ) -> impl Future<Output = Result<Arc<Job>, Error>> + use<> {
        self.ask(move |reply| Command::Record {
            seq,
            event,
            attempt: None,
            reply,
        })
    }

    /// As [`Store::record`], for the thread that runs attempt `attempt.number`.
    ///
    /// # Errors
    /// [`Error::Superseded`] if another attempt has begun; else as [`Store::record`].
    pub fn record_attempt(
        &self,
        seq: Seq,
        event: Event,
        attempt: Attempt,
    ) -> Result<Arc<Job>, Error> {
        let (reply, answer) = oneshot::channel();
        self.inbox.push(Command::Record {
            seq,
            event,
            attempt: Some(Box::new(attempt)),
            reply,
        });
        answer.blocking_recv().unwrap_or(Err(Error::Stopped))
    }

    /// Stores what a running attempt is about to do outside the database; once this returns it is on the disk.
    ///
    /// # Errors
    /// [`Error::Superseded`] if the attempt is over; else what the disk may say. Where the intent `places` the result,
    /// [`Error::Illegal`] for a job that was asked to stop.
    pub fn intend(
        &self,
        seq: Seq,
        attempt: u32,
        intent: String,
        places: bool,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.inbox.push(Command::Intend {
            seq,
            attempt,
            intent,
            places,
            reply,
        });
        answer.blocking_recv().unwrap_or(Err(Error::Stopped))
    }

    /// What the latest attempt of a job was about to do. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk may say.
    pub fn intent(&self, seq: Seq) -> Result<Option<String>, Error> {
        let connection = self.pool.get().map_err(|_| Error::Busy)?;
        rows::select_intent(&connection, seq)
    }

    /// Leaves how far an attempt is, for when there is a commit to put it into.
    pub fn leave_progress(&self, seq: Seq, attempt: u32, progress: Progress) {
        self.inbox.leave_progress(seq, attempt, progress);
    }

    /// Lets `slots` jobs run at once, 0 at first; the writer claims what is ready.
    ///
    /// # Errors
    /// What the disk may say to the claims.
    pub async fn set_slots(&self, slots: usize) -> Result<(), Error> {
        self.ask(move |reply| Command::SetSlots { slots, reply })
            .await
    }

    /// Up to `most` ended jobs that are due by `now`, the longest due first. Doomed and unended ones are never due.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn due(&self, now: IdleMs, most: usize) -> Result<Vec<Due>, Error> {
        self.read(move |connection| rows::select_due(connection, now, most))
            .await
    }

    /// Up to `most` jobs that fit, newest first, as the rows have them.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn list(&self, filter: Filter, most: usize) -> Result<Vec<Job>, Error> {
        self.read(move |connection| rows::select_page(connection, &filter, most))
            .await
    }

    /// When the next ended job is due, if there is one.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn next_due(&self) -> Result<Option<IdleMs>, Error> {
        self.read(rows::select_next_due).await
    }

    /// Up to `most` jobs of whose end somebody is to be told by `now`, and at which URL; the longest due first.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn deliveries(&self, now: IdleMs, most: usize) -> Result<Vec<(Seq, String)>, Error> {
        self.read(move |connection| rows::select_deliveries(connection, now, most))
            .await
    }

    /// When the next telling is due that is not due by `now`, if there is one.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn next_delivery(&self, now: IdleMs) -> Result<Option<IdleMs>, Error> {
        self.read(move |connection| rows::select_next_delivery(connection, now))
            .await
    }

    /// Executes what the sweeper decided, in one commit.
    ///
    /// # Errors
    /// What the disk may say; nothing of it was done then.
    pub fn sweep(&self, sweep: Sweep) -> impl Future<Output = Result<(), Error>> + use<> {
        self.ask(move |reply| Command::Sweep { sweep, reply })
    }

    /// Notes on the disk that this life ends in order, with the clock as it is.
    ///
    /// # Errors
    /// What the disk may say.
    pub fn end_life(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        self.ask(|reply| Command::EndLife { reply })
    }

    /// A job from the disk, by its place.
    ///
    /// # Errors
    /// What the disk may say.
    pub async fn job(&self, seq: Seq) -> Result<Option<Arc<Job>>, Error> {
        let job = self.point_reads.job(seq).await?;
        Ok(job.filter(|job| !job.doomed))
    }

    /// The params of a job, wherever they are. Blocks on the disk for long ones.
    ///
    /// # Errors
    /// What the disk may say.
    pub fn params(&self, params: &Params) -> Result<Arc<str>, Error> {
        match params {
            Params::Inline(text) => Ok(Arc::clone(text)),
            Params::Blob(blob) => {
                let bytes = self.read_blob(*blob).read_all()?;
                let text = String::from_utf8(bytes).map_err(|e| Error::Database(e.to_string()))?;
                Ok(text.into())
            }
        }
    }

    /// Whole blobs that become a job's when one is submitted with them, and are freed otherwise.
    pub fn uploads(&self) -> Uploads {
        Uploads {
            inbox: Arc::clone(&self.inbox),
            whole: Vec::new(),
        }
    }

    /// A new blob, to be filled by one thread. It belongs to nobody until a job's result names it.
    pub fn write_blob(&self) -> BlobWriter {
        BlobWriter::new(Arc::clone(&self.inbox), Arc::clone(&self.disk))
    }

    /// A blob's bytes. Reading blocks on the disk.
    pub fn read_blob(&self, blob: BlobId) -> BlobReader {
        BlobReader::new(self.pool.clone(), blob)
    }

    /// Stops the threads after everything that was asked before is done, and closes the file.
    pub fn close(&self) {
        self.inbox.close();
        self.point_reads.close();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so already; there is nothing left to close in it.
            let _ = thread.join();
        }
        // From here on another server may have the data.
        self.locks.lock().take();
    }

    /// Reads on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let pool = self.pool.clone();
        let read = move || query(&*pool.get().map_err(|_| Error::Busy)?);
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|e| Error::Database(e.to_string()))?
    }

    /// Hands a command in at once; the future is only its answer.
    fn ask<T, C>(&self, command: C) -> impl Future<Output = Result<T, Error>> + use<T, C>
    where
        C: FnOnce(oneshot::Sender<Result<T, Error>>) -> Command,
    {
        let (reply, answer) = oneshot::channel();
        self.inbox.push(command(reply));
        async { answer.await.unwrap_or(Err(Error::Stopped)) }
    }
}

/// The attempt on whose behalf an event is recorded.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its number.
    pub number: u32,
    /// How far it came.
    pub progress: Progress,
    /// The version that readers have seen last; what is recorded gets a later one.
    pub version: Version,
    /// The result, if it made one; becomes the job's in the same transaction.
    pub result: Option<WholeBlob>,
    /// What it wrote, if anything; becomes the job's too.
    pub log: Option<WholeBlob>,
}
