//! A job's result as a stream of bytes: read in chunks from the store, within limits on memory and on parallel reads.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::engine::{CHUNK_BYTES, ConsumeGuard, Download, EphemeralJob, Hold, ResultReader};
use crate::metrics::GaugeGuard;

/// The largest number of chunks that all downloads hold together (8 MiB), including those in connection buffers.
const MAX_CHUNKS_HELD: usize = 32;
/// The size of the pieces, in bytes, that a download reads while no chunk is free. It reads its chunk once per piece.
const PIECE_BYTES: usize = 32 * 1024;
/// The largest number of chunks that are read from the database at once. Each read takes a connection and a thread.
const MAX_DATABASE_READS: usize = 4;

/// The limits that all downloads of one server share.
#[derive(Debug)]
pub(crate) struct DownloadBudget {
    /// A permit for each chunk in memory.
    chunks: Arc<Semaphore>,
    /// A permit for each read from the database.
    database_reads: Semaphore,
}

impl Default for DownloadBudget {
    fn default() -> Self {
        Self {
            chunks: Arc::new(Semaphore::new(MAX_CHUNKS_HELD)),
            database_reads: Semaphore::new(MAX_DATABASE_READS),
        }
    }
}

impl DownloadBudget {
    /// A permit to hold a chunk in memory, if one is free.
    fn try_chunk(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.chunks).try_acquire_owned().ok()
    }

    /// A permit to read ahead. Half of the chunks stay free for downloads that are waiting for a read.
    fn try_read_ahead(&self) -> Option<OwnedSemaphorePermit> {
        if self.chunks.available_permits() <= MAX_CHUNKS_HELD / 2 {
            return None;
        }
        self.try_chunk()
    }
}

/// A result, or a range of one, that is being sent. The next chunk is read ahead while the previous one is sent, unless
/// many other downloads are running.
#[derive(Debug)]
pub(crate) struct ResultStream {
    reader: ResultReader,
    budget: Arc<DownloadBudget>,
    /// The offset of the next byte to read.
    position: u64,
    /// The number of bytes that have not been handed out yet.
    remaining: u64,
    /// Keeps the job from expiring until the last byte has been handed out.
    _hold: Hold,
    _open: GaugeGuard,
    /// Consumes a one-time result once all of it has been sent.
    consume: Option<ConsumeGuard>,
    /// The job of a synchronous request, which ends before the last byte is handed out.
    ephemeral: Option<EphemeralJob>,
    /// The last bytes, held back until the task that deletes the ephemeral job is done.
    last: Option<(Bytes, JoinHandle<()>)>,
    /// Whether the stream covers the whole result.
    is_whole: bool,
    next: Option<Read>,
}

/// A read that is running.
#[derive(Debug)]
struct Read(JoinHandle<io::Result<Bytes>>);

impl Read {
    /// Reads up to `max_bytes` bytes from `position`: to the end of the chunk, or only a piece of it without a permit.
    fn start(
        reader: ResultReader,
        position: u64,
        max_bytes: u64,
        budget: Arc<DownloadBudget>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Self {
        let is_blob = matches!(reader, ResultReader::Blob(_));
        let read = move || {
            let chunk_bytes = CHUNK_BYTES as u64;
            let number = u32::try_from(position / chunk_bytes).unwrap_or(u32::MAX);
            let skip = (position % chunk_bytes) as usize;
            let chunk = reader.chunk(number)?;
            let chunk = chunk.filter(|chunk| chunk.len() > skip);
            let mut chunk = chunk.ok_or_else(|| io::Error::other("the result is gone"))?;
            chunk.advance(skip);
            chunk.truncate(usize::try_from(max_bytes).unwrap_or(usize::MAX));
            Ok(match permit {
                Some(permit) => Bytes::from_owner(HeldChunk {
                    chunk,
                    _permit: permit,
                }),
                None => Bytes::copy_from_slice(&chunk[..chunk.len().min(PIECE_BYTES)]),
            })
        };
        Self(tokio::spawn(async move {
            // The semaphore is never closed. Files are read without a limit, so that one on a hanging disk does not
            // delay the others.
            let _permit = if is_blob {
                budget.database_reads.acquire().await.ok()
            } else {
                None
            };
            tokio::task::spawn_blocking(read).await?
        }))
    }
}

/// A chunk that counts as held until the connection has sent it.
struct HeldChunk {
    chunk: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for HeldChunk {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl ResultStream {
    /// A stream of the bytes in `range`. Reading starts with the first poll.
    pub(crate) fn new(
        download: Download,
        range: Range<u64>,
        is_whole: bool,
        budget: Arc<DownloadBudget>,
    ) -> Self {
        Self {
            reader: download.reader,
            budget,
            position: range.start,
            remaining: range.end - range.start,
            _hold: download.hold,
            _open: download.open,
            consume: download.consume,
            ephemeral: None,
            last: None,
            is_whole,
            next: None,
        }
    }

    /// The number of bytes that have not been handed out yet.
    pub(crate) fn remaining(&self) -> u64 {
        self.remaining
    }

    /// Makes the stream end `ephemeral` before it hands out its last byte.
    pub(crate) fn hold_ephemeral(&mut self, ephemeral: EphemeralJob) {
        self.ephemeral = Some(ephemeral);
    }

    /// The guard that consumes a one-time result, once the whole result has been handed out.
    pub(crate) fn take_spent(&mut self) -> Option<ConsumeGuard> {
        if self.remaining == 0 && self.is_whole {
            self.consume.take()
        } else {
            None
        }
    }

    /// The next bytes. An error closes the connection before `Content-Length` bytes are sent, so the client notices.
    pub(crate) fn poll_bytes(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        if self.last.is_none() {
            let bytes = match ready!(self.poll_read(context)) {
                Ok(bytes) => bytes,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            let is_last = bytes.len() as u64 == self.remaining;
            let ephemeral = self.ephemeral.take_if(|_| is_last);
            match ephemeral.and_then(EphemeralJob::end) {
                Some(deletion) => self.last = Some((bytes, deletion)),
                None => return self.hand_out(bytes),
            }
        }
        let Some((bytes, mut deletion)) = self.last.take() else {
            return Poll::Ready(None);
        };
        // The client gets its bytes even if the deletion fails.
        if Pin::new(&mut deletion).poll(context).is_pending() {
            self.last = Some((bytes, deletion));
            return Poll::Pending;
        }
        self.hand_out(bytes)
    }

    fn hand_out(&mut self, bytes: Bytes) -> Poll<Option<io::Result<Bytes>>> {
        self.position += bytes.len() as u64;
        self.remaining -= bytes.len() as u64;
        self.read_ahead();
        Poll::Ready(Some(Ok(bytes)))
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut next = match self.next.take() {
            Some(next) => next,
            None => self.read(self.budget.try_chunk()),
        };
        let Poll::Ready(read) = Pin::new(&mut next.0).poll(context) else {
            self.next = Some(next);
            return Poll::Pending;
        };
        Poll::Ready(read.map_err(io::Error::other).flatten())
    }

    fn read(&self, permit: Option<OwnedSemaphorePermit>) -> Read {
        let (reader, budget) = (self.reader.clone(), Arc::clone(&self.budget));
        Read::start(reader, self.position, self.remaining, budget, permit)
    }

    /// Starts the next read early, if the budget allows it.
    fn read_ahead(&mut self) {
        if self.remaining > 0
            && let Some(permit) = self.budget.try_read_ahead()
        {
            self.next = Some(self.read(Some(permit)));
        }
    }
}
