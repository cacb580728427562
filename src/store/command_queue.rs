//! The queues of work for the writer.
//!
//! There are two queues, so that neither small commands nor large chunks starve the other, and a slot for progress, which
//! is stored when convenient. The senders bound the queues' lengths: a connection has one submission in flight, an attempt
//! one event, a blob's writer two chunks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{Attempt, Error, NewJob, OperationLimits, Sweep, WholeBlob};
use crate::job::{BlobId, Event, Job, Progress, Seq};

/// Maximum number of commands in one transaction.
const BATCH_COMMANDS: usize = 256;
/// Maximum size of the params and blob tails that come with the commands of one transaction, in bytes; a single command may
/// exceed it.
const BATCH_COMMAND_BYTES: usize = 4 << 20;
/// Maximum size of the chunks in one transaction, in bytes; a single chunk may exceed it.
const BATCH_CHUNK_BYTES: usize = 512 * 1024;
/// How long progress waits for another transaction before it gets its own.
const PROGRESS_MAX_DELAY: Duration = Duration::from_secs(1);

pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// A request to the writer.
#[derive(Debug)]
pub(super) enum Command {
    Submit {
        job: NewJob,
        params: NewParams,
        reply: Reply<Arc<Job>>,
    },
    Record {
        seq: Seq,
        event: Event,
        attempt: Option<Box<Attempt>>,
        reply: Reply<Arc<Job>>,
    },
    RecordIntent {
        seq: Seq,
        attempt: u32,
        intent: String,
        places: bool,
        reply: Reply<()>,
    },
    NumberItems {
        root: String,
        paths: Vec<String>,
        reply: Reply<()>,
    },
    SetSlots {
        slots: usize,
        reply: Reply<()>,
    },
    Ping {
        reply: Reply<()>,
    },
    SetOperations {
        operations: HashMap<Arc<str>, OperationLimits>,
        default_idle_timeout_ms: i64,
        reply: Reply<()>,
    },
    Abandon {
        blob: BlobId,
    },
    Sweep {
        sweep: Sweep,
        reply: Reply<()>,
    },
    EndLife {
        reply: Reply<()>,
    },
}

/// Who waits for the data to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client, which can be asked to retry.
    Client,
    /// The server itself; a job would be lost.
    Server,
}

impl Command {
    /// Size of the data to write, in bytes; small fixed-size parts are not counted.
    fn bytes(&self) -> usize {
        match self {
            Self::Submit { job, .. } => {
                let uploads = job.uploads.iter().map(WholeBlob::tail_bytes);
                job.params.len() + uploads.sum::<usize>()
            }
            Self::Record {
                attempt: Some(attempt),
                ..
            } => {
                let blobs = attempt.result.iter().chain(&attempt.log);
                blobs.map(WholeBlob::tail_bytes).sum()
            }
            _ => 0,
        }
    }

    fn origin(&self) -> Origin {
        match self {
            Self::RecordIntent { .. } | Self::Abandon { .. } => Origin::Server,
            Self::Record { event, .. } if !matches!(event, Event::Cancel | Event::Delete) => {
                Origin::Server
            }
            // Includes the sweeper, which retries by itself, and shutdown, which does not wait for other processes.
            _ => Origin::Client,
        }
    }
}

/// Where the params of a new job are stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum NewParams {
    Inline,
    Blob(BlobId),
}

/// A chunk of a blob that is being written.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) blob: BlobId,
    pub(super) number: u32,
    /// Checksum of the chunk's row id and `data`.
    pub(super) crc: u32,
    pub(super) data: Bytes,
    pub(super) origin: Origin,
    pub(super) reply: Reply<()>,
}

/// The content of one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) commands: VecDeque<Command>,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) progress: HashMap<Seq, (u32, Progress)>,
}

impl Batch {
    /// Whether the batch cannot be split.
    pub(super) fn is_single(&self) -> bool {
        self.len() + usize::from(!self.progress.is_empty()) <= 1
    }

    /// Number of commands and chunks.
    pub(super) fn len(&self) -> usize {
        self.commands.len() + self.chunks.len()
    }

    /// Whether the batch is empty.
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.chunks.is_empty() && self.progress.is_empty()
    }

    /// Whether the batch is a single item that needs space and can be rejected.
    pub(super) fn is_new(&self) -> bool {
        !self.is_single()
            || !self.chunks.is_empty()
            || matches!(self.commands.front(), Some(Command::Submit { .. }))
    }

    /// Whether the idle clock must be stored in the same transaction.
    pub(super) fn stores_clock(&self) -> bool {
        self.commands
            .iter()
            .any(|command| matches!(command, Command::Sweep { sweep, .. } if sweep.stores_clock))
    }

    /// Whether the transaction may free pages.
    pub(super) fn forgets(&self) -> bool {
        self.commands
            .iter()
            .any(|command| matches!(command, Command::Sweep { .. }))
    }

    /// Splits the batch into the clients' commands and the server's own. Progress is dropped.
    pub(super) fn by_origin(self) -> (Self, Self) {
        let (mut clients, mut server) = (Self::default(), Self::default());
        for command in self.commands {
            match command.origin() {
                Origin::Client => clients.commands.push_back(command),
                Origin::Server => server.commands.push_back(command),
            }
        }
        for chunk in self.chunks {
            match chunk.origin {
                Origin::Client => clients.chunks.push_back(chunk),
                Origin::Server => server.chunks.push_back(chunk),
            }
        }
        (clients, server)
    }

    /// Splits the batch into one batch per item. Progress is dropped: more will follow.
    pub(super) fn split(self) -> impl Iterator<Item = Self> {
        let chunks = self.chunks.into_iter().map(|chunk| Self {
            chunks: [chunk].into(),
            ..Self::default()
        });
        let commands = self.commands.into_iter().map(|command| Self {
            commands: [command].into(),
            ..Self::default()
        });
        chunks.chain(commands)
    }
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    progress_since: Option<Instant>,
    /// The writer has to check the files although there is no work.
    alarmed: bool,
    closed: bool,
}

/// The queues of one writer.
#[derive(Debug)]
pub(super) struct CommandQueue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
    next_blob: AtomicI64,
}

impl CommandQueue {
    /// An empty queue; `next_blob` is the first id to assign to a blob.
    pub(super) fn starting_at(next_blob: i64) -> Self {
        Self {
            waiting: Mutex::default(),
            ready: Condvar::new(),
            next_blob: AtomicI64::new(next_blob),
        }
    }

    /// Adds a command. After [`CommandQueue::close`] the command and its reply channel are dropped.
    pub(super) fn push(&self, command: Command) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.batch.commands.push_back(command);
            self.ready.notify_one();
        }
    }

    /// Frees blobs that are not needed.
    pub(super) fn abandon(&self, blobs: impl IntoIterator<Item = BlobId>) {
        for blob in blobs {
            self.push(Command::Abandon { blob });
        }
    }

    /// Adds a chunk.
    pub(super) fn push_chunk(&self, chunk: Chunk) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.batch.chunks.push_back(chunk);
            self.ready.notify_one();
        }
    }

    /// Puts work that has to wait back to the front; after [`CommandQueue::close`] returns it.
    pub(super) fn put_back(&self, batch: Batch) -> Option<Batch> {
        let mut waiting = self.waiting.lock();
        if waiting.closed {
            return Some(batch);
        }
        for command in batch.commands.into_iter().rev() {
            waiting.batch.commands.push_front(command);
        }
        for chunk in batch.chunks.into_iter().rev() {
            waiting.batch.chunks.push_front(chunk);
        }
        None
    }

    /// Sets the progress of an attempt, to be written with another transaction. Replaces earlier progress.
    pub(super) fn leave_progress(&self, seq: Seq, attempt: u32, progress: Progress) {
        let mut waiting = self.waiting.lock();
        if waiting.progress_since.is_none() {
            waiting.progress_since = Some(Instant::now());
            self.ready.notify_one();
        }
        waiting.batch.progress.insert(seq, (attempt, progress));
    }

    /// Makes the writer check the files.
    pub(super) fn alarm(&self) {
        self.waiting.lock().alarmed = true;
        self.ready.notify_one();
    }

    /// Waits for the next batch, unless there is `other_work` or an alarm, and no longer than `until`; `None` once the queue is
    /// closed and empty.
    pub(super) fn take(&self, other_work: bool, until: Option<Instant>) -> Option<Batch> {
        let mut waiting = self.waiting.lock();
        loop {
            if !waiting.batch.commands.is_empty() || !waiting.batch.chunks.is_empty() {
                return Some(waiting.batch());
            }
            if waiting.closed {
                return None;
            }
            if other_work || std::mem::take(&mut waiting.alarmed) {
                return Some(waiting.batch());
            }
            let progress = waiting
                .progress_since
                .map(|since| since + PROGRESS_MAX_DELAY);
            match progress.into_iter().chain(until).min() {
                None => self.ready.wait(&mut waiting),
                Some(until) => {
                    if Instant::now() >= until {
                        return Some(waiting.batch());
                    }
                    self.ready.wait_until(&mut waiting, until);
                }
            }
        }
    }

    /// Accepts no more commands; those in the queue are still executed.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.ready.notify_one();
    }

    /// Like [`CommandQueue::close`], but drops the queued commands unanswered.
    pub(super) fn abort(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        waiting.batch = Batch::default();
    }

    /// Assigns an id to a new blob. The writer reserves the id on disk with its first use.
    pub(super) fn new_blob(&self) -> BlobId {
        BlobId(self.next_blob.fetch_add(1, Ordering::Relaxed))
    }
}

impl Waiting {
    fn batch(&mut self) -> Batch {
        let mut bytes = 0;
        let mut commands = 0;
        for command in self.batch.commands.iter().take(BATCH_COMMANDS) {
            bytes += command.bytes();
            if commands > 0 && bytes > BATCH_COMMAND_BYTES {
                break;
            }
            commands += 1;
        }
        let mut bytes = 0;
        let mut chunks = 0;
        for chunk in &self.batch.chunks {
            bytes += chunk.data.len();
            if chunks > 0 && bytes > BATCH_CHUNK_BYTES {
                break;
            }
            chunks += 1;
        }
        self.progress_since = None;
        Batch {
            commands: self.batch.commands.drain(..commands).collect(),
            chunks: self.batch.chunks.drain(..chunks).collect(),
            progress: std::mem::take(&mut self.batch.progress),
        }
    }
}
