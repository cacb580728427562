//! What replies are made of: nothing, some bytes, a result streamed from the store, or events.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use super::files::FileStream;
use crate::engine::{Download, Hold, Lease, ResultReader};
use crate::store::CHUNK_BYTES;

/// Chunks that all downloads together read ahead, 8 MiB: without one of them a download waits for its disk.
static READ_AHEAD: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(32));

/// A reply's body.
#[derive(Debug)]
pub enum Body {
    /// No bytes, or some that are at hand.
    Full(Bytes),
    /// A blob.
    Blob(BlobStream),
    /// A file below a root.
    File(FileStream),
    /// Pieces as they come, until the sender is gone.
    Events(mpsc::Receiver<Bytes>),
}

impl Body {
    /// See [`BlobStream::take_spent`].
    pub(super) fn take_spent(&mut self) -> Option<Lease> {
        match self {
            Self::Blob(stream) => stream.take_spent(),
            _ => None,
        }
    }

    /// No bytes.
    pub(super) fn empty() -> Self {
        Self::Full(Bytes::new())
    }
}

/// A blob, or a part of one, on its way out: a chunk is read ahead while the last is sent.
#[derive(Debug)]
pub struct BlobStream {
    reader: ResultReader,
    number: u32,
    /// Bytes of the next chunk that are not wanted.
    skip: usize,
    remaining: u64,
    /// Kept from expiry until the last byte is on its way.
    _hold: Hold,
    lease: Option<Lease>,
    /// Its last byte is that of the whole result.
    is_whole: bool,
    next: Option<Read>,
}

/// A chunk that is being read.
#[derive(Debug)]
struct Read {
    chunk: JoinHandle<io::Result<Option<Bytes>>>,
    _permit: Option<SemaphorePermit<'static>>,
}

impl Read {
    fn start(reader: ResultReader, number: u32, permit: Option<SemaphorePermit<'static>>) -> Self {
        Self {
            chunk: tokio::task::spawn_blocking(move || reader.chunk(number)),
            _permit: permit,
        }
    }
}

impl BlobStream {
    /// These bytes of a blob. Nothing is read before the first is asked for.
    pub(super) fn new(download: Download, range: Range<u64>, is_whole: bool) -> Self {
        let chunk = CHUNK_BYTES as u64;
        Self {
            reader: download.reader,
            number: u32::try_from(range.start / chunk).unwrap_or(u32::MAX),
            skip: (range.start % chunk) as usize,
            remaining: range.end - range.start,
            _hold: download.hold,
            lease: download.lease,
            is_whole,
            next: None,
        }
    }

    /// Once the whole result is on its way: what its reader had a right to, if that is spent now.
    fn take_spent(&mut self) -> Option<Lease> {
        if self.remaining == 0 && self.is_whole {
            self.lease.take()
        } else {
            None
        }
    }

    /// An error ends the connection short of its Content-Length, which is how the client knows.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let next = self
            .next
            .get_or_insert_with(|| Read::start(self.reader.clone(), self.number, None));
        let chunk = match ready!(Pin::new(&mut next.chunk).poll(context)) {
            Ok(Ok(Some(chunk))) if chunk.len() > self.skip => chunk,
            Ok(Ok(_)) => return Poll::Ready(Some(Err(io::Error::other("the result is gone")))),
            Ok(Err(error)) => return Poll::Ready(Some(Err(error))),
            Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
        };
        self.next = None;
        let mut chunk = chunk;
        chunk.advance(std::mem::take(&mut self.skip));
        chunk.truncate(usize::try_from(self.remaining).unwrap_or(usize::MAX));
        self.remaining -= chunk.len() as u64;
        self.number += 1;
        if self.remaining > 0
            && let Ok(permit) = READ_AHEAD.try_acquire()
        {
            self.next = Some(Read::start(self.reader.clone(), self.number, Some(permit)));
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Blob(stream) => stream
                .poll_chunk(context)
                .map(|chunk| chunk.map(|chunk| chunk.map(Frame::data))),
            Self::File(stream) => stream
                .poll_piece(context)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
            Self::Events(pieces) => pieces
                .poll_recv(context)
                .map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Blob(stream) => stream.remaining == 0,
            Self::File(stream) => stream.remaining() == 0,
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Blob(stream) => SizeHint::with_exact(stream.remaining),
            Self::File(stream) => SizeHint::with_exact(stream.remaining()),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
