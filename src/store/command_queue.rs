//! What waits for the writer.
//!
//! Two queues, so that neither small commands nor large chunks starve the other, and a slot for progress that
//! nobody waits for. Their lengths are bounded by those who fill them: a connection has one submission under
//! way, an attempt one event, a blob's writer two chunks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::{Attempt, Error, NewJob, Sweep, WholeBlob};
use crate::job::{BlobId, Event, Job, Progress, Seq};

/// Commands in one transaction at most.
const BATCH_COMMANDS: usize = 256;
/// Bytes of params, uploads' ends and results' ends that come with commands in one transaction at most, but always one
/// command.
const BATCH_COMMAND_BYTES: usize = 4 << 20;
/// Bytes of chunks in one transaction at most, but always one chunk.
const BATCH_CHUNK_BYTES: usize = 512 * 1024;
/// How long progress waits for somebody else's transaction before it gets one of its own.
const PROGRESS_MAX_DELAY: Duration = Duration::from_secs(1);

pub(super) type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// What the writer can be asked to do.
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

/// Who waits for something to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A client, who can be told to come again.
    Client,
    /// This server, with a job that would be lost.
    Server,
}

impl Command {
    /// How much it brings to be written, in bytes; small things are not counted.
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
            // The sweeper too, which comes again by itself, and one that stops, which does not wait for others.
            _ => Origin::Client,
        }
    }
}

/// Where a new job's params go.
#[derive(Debug, Clone, Copy)]
pub(super) enum NewParams {
    Inline,
    Blob(BlobId),
}

/// A piece of a blob that is being written.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) blob: BlobId,
    pub(super) number: u32,
    /// The checksum of `data` in this place.
    pub(super) crc: u32,
    pub(super) data: Bytes,
    pub(super) asker: Origin,
    pub(super) reply: Reply<()>,
}

/// What goes into one transaction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) commands: VecDeque<Command>,
    pub(super) chunks: VecDeque<Chunk>,
    pub(super) progress: HashMap<Seq, (u32, Progress)>,
}

impl Batch {
    /// Whether there is nothing to split.
    pub(super) fn is_single(&self) -> bool {
        self.len() + usize::from(!self.progress.is_empty()) <= 1
    }

    /// How many commands and chunks are in it.
    pub(super) fn len(&self) -> usize {
        self.commands.len() + self.chunks.len()
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty() && self.chunks.is_empty() && self.progress.is_empty()
    }

    /// Whether it is one thing that takes room, which can be refused.
    pub(super) fn is_new(&self) -> bool {
        !self.is_single()
            || !self.chunks.is_empty()
            || matches!(self.commands.front(), Some(Command::Submit { .. }))
    }

    /// Whether the idle clock is to be stored with it.
    pub(super) fn stores_clock(&self) -> bool {
        self.commands
            .iter()
            .any(|command| matches!(command, Command::Sweep { sweep, .. } if sweep.stores_clock))
    }

    /// Whether it may free pages.
    pub(super) fn forgets(&self) -> bool {
        self.commands
            .iter()
            .any(|command| matches!(command, Command::Sweep { .. }))
    }

    /// What clients wait for, and what the server does. Progress that nobody waits for is left out.
    pub(super) fn by_origin(self) -> (Self, Self) {
        let (mut clients, mut server) = (Self::default(), Self::default());
        for command in self.commands {
            match command.origin() {
                Origin::Client => clients.commands.push_back(command),
                Origin::Server => server.commands.push_back(command),
            }
        }
        for chunk in self.chunks {
            match chunk.asker {
                Origin::Client => clients.chunks.push_back(chunk),
                Origin::Server => server.chunks.push_back(chunk),
            }
        }
        (clients, server)
    }

    /// Its parts, each a batch. Progress that nobody waits for is left out: there will be more.
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
    /// The writer is to look whether all is well, although there is nothing to do.
    alarmed: bool,
    closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct CommandQueue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
    next_blob: AtomicI64,
}

impl CommandQueue {
    /// Hands in a command. After [`CommandQueue::close`] it is dropped, and its reply with it.
    pub(super) fn push(&self, command: Command) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.batch.commands.push_back(command);
            self.ready.notify_one();
        }
    }

    /// Hands in blobs that nobody wants.
    pub(super) fn abandon(&self, blobs: impl IntoIterator<Item = BlobId>) {
        for blob in blobs {
            self.push(Command::Abandon { blob });
        }
    }

    /// Hands in a chunk.
    pub(super) fn push_chunk(&self, chunk: Chunk) {
        let mut waiting = self.waiting.lock();
        if !waiting.closed {
            waiting.batch.chunks.push_back(chunk);
            self.ready.notify_one();
        }
    }

    /// Hands in once more, as the first, what could not be done yet; after [`CommandQueue::close`] it is given back.
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

    /// Leaves how far an attempt is, to be written when there is occasion. The latest wins.
    pub(super) fn leave_progress(&self, seq: Seq, attempt: u32, progress: Progress) {
        let mut waiting = self.waiting.lock();
        if waiting.progress_since.is_none() {
            waiting.progress_since = Some(Instant::now());
            self.ready.notify_one();
        }
        waiting.batch.progress.insert(seq, (attempt, progress));
    }

    /// Wakes the writer: it finds out what is wrong.
    pub(super) fn alarm(&self) {
        self.waiting.lock().alarmed = true;
        self.ready.notify_one();
    }

    /// The next batch, waiting for one unless there is `other_work` or an alarm, and no longer than `until`; none once the
    /// inbox is closed and empty.
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

    /// No more commands from now on; those that wait are still done.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.ready.notify_one();
    }

    /// As [`CommandQueue::close`], but what waits is dropped unanswered.
    pub(super) fn abort(&self) {
        let mut waiting = self.waiting.lock();
        waiting.closed = true;
        waiting.batch = Batch::default();
    }

    /// An identifier for a new blob. The writer reserves it on disk together with the first use.
    pub(super) fn new_blob(&self) -> BlobId {
        BlobId(self.next_blob.fetch_add(1, Ordering::Relaxed))
    }

    /// The first identifier to give out.
    pub(super) fn set_next_blob(&self, next: i64) {
        self.next_blob.store(next, Ordering::Relaxed);
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
