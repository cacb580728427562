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

use crate::engine::{CHUNK_BYTES, ConsumeGuard, Download, EphemeralJob, Hold, ResultReader};
use crate::http::response::files::FileStream;
use crate::metrics::GaugeGuard;

/// Chunks that all downloads together hold, 8 MiB, those that wait in a connection's buffer among them.
const CHUNKS_HELD: usize = 32;
/// A download that gets none of them holds pieces, in bytes, and reads its chunk again for the next one.
const PIECE_BYTES: usize = 32 * 1024;

static CHUNKS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(CHUNKS_HELD));

/// Chunks that are read from the store at once: more would wait for a connection to it, each on a thread with a heap of
/// its own.
static READS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4));

type Permit = SemaphorePermit<'static>;

/// A reply's body.
#[derive(Debug)]
pub(crate) enum Body {
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
    pub(in crate::http) fn take_spent(&mut self) -> Option<ConsumeGuard> {
        match self {
            Self::Blob(stream) => stream.take_spent(),
            _ => None,
        }
    }

    /// Ends somebody's waiting for a job before the last byte of its result is handed out.
    pub(in crate::http) fn hold_ephemeral(&mut self, ephemeral: EphemeralJob) {
        if let Self::Blob(stream) = self {
            stream.ephemeral = Some(ephemeral);
        }
    }

    /// No bytes.
    pub(in crate::http) fn empty() -> Self {
        Self::Full(Bytes::new())
    }
}

/// A blob, or a part of one, on its way out: a chunk is read ahead while the last is sent, unless many others do.
#[derive(Debug)]
pub(crate) struct BlobStream {
    reader: ResultReader,
    /// Where the next byte is.
    position: u64,
    remaining: u64,
    /// Kept from expiry until the last byte is on its way.
    _hold: Hold,
    _open: GaugeGuard,
    lease: Option<ConsumeGuard>,
    /// Of one who has waited for the job and asks only once.
    ephemeral: Option<EphemeralJob>,
    /// The last bytes, which wait until the job is forgotten.
    last: Option<(Bytes, JoinHandle<()>)>,
    /// Its last byte is that of the whole result.
    is_whole: bool,
    next: Option<Read>,
}

/// Bytes that are being read.
#[derive(Debug)]
struct Read(JoinHandle<io::Result<Bytes>>);

impl Read {
    /// At most so many bytes from `position` on: as far as its chunk goes, or where that may not be held as a piece of it.
    fn start(reader: ResultReader, position: u64, most: u64, permit: Option<Permit>) -> Self {
        let is_blob = matches!(reader, ResultReader::Blob(_));
        let read = move || {
            let chunk_bytes = CHUNK_BYTES as u64;
            let number = u32::try_from(position / chunk_bytes).unwrap_or(u32::MAX);
            let skip = (position % chunk_bytes) as usize;
            let chunk = reader.chunk(number)?;
            let chunk = chunk.filter(|chunk| chunk.len() > skip);
            let mut chunk = chunk.ok_or_else(|| io::Error::other("the result is gone"))?;
            chunk.advance(skip);
            chunk.truncate(usize::try_from(most).unwrap_or(usize::MAX));
            Ok(match permit {
                Some(permit) => Bytes::from_owner(Held {
                    chunk,
                    _permit: permit,
                }),
                None => Bytes::copy_from_slice(&chunk[..chunk.len().min(PIECE_BYTES)]),
            })
        };
        Self(tokio::spawn(async move {
            // It is never closed. Files are read by all at once: one on a disk that hangs holds up nobody else.
            let _turn = if is_blob {
                READS.acquire().await.ok()
            } else {
                None
            };
            tokio::task::spawn_blocking(read).await?
        }))
    }
}

/// A chunk that counts as held until the connection has sent it.
struct Held {
    chunk: Bytes,
    _permit: Permit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.chunk
    }
}

impl BlobStream {
    /// These bytes of a blob. Nothing is read before the first is asked for.
    pub(in crate::http) fn new(download: Download, range: Range<u64>, is_whole: bool) -> Self {
        Self {
            reader: download.reader,
            position: range.start,
            remaining: range.end - range.start,
            _hold: download.hold,
            _open: download.open,
            lease: download.consume,
            ephemeral: None,
            last: None,
            is_whole,
            next: None,
        }
    }

    /// Once the whole result is on its way: what its reader had a right to, if that is spent now.
    fn take_spent(&mut self) -> Option<ConsumeGuard> {
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
        if self.last.is_none() {
            let bytes = match ready!(self.poll_read(context)) {
                Ok(bytes) => bytes,
                Err(error) => return Poll::Ready(Some(Err(error))),
            };
            let is_last = bytes.len() as u64 == self.remaining;
            let ephemeral = self.ephemeral.take_if(|_| is_last);
            match ephemeral.and_then(EphemeralJob::end) {
                Some(forgetting) => self.last = Some((bytes, forgetting)),
                None => return self.hand_out(bytes),
            }
        }
        let Some((bytes, mut forgetting)) = self.last.take() else {
            return Poll::Ready(None);
        };
        // However it goes, there is nothing to be done about it here.
        if Pin::new(&mut forgetting).poll(context).is_pending() {
            self.last = Some((bytes, forgetting));
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
            None => self.read(CHUNKS.try_acquire().ok()),
        };
        let Poll::Ready(read) = Pin::new(&mut next.0).poll(context) else {
            self.next = Some(next);
            return Poll::Pending;
        };
        Poll::Ready(read.map_err(io::Error::other).flatten())
    }

    fn read(&self, permit: Option<Permit>) -> Read {
        Read::start(self.reader.clone(), self.position, self.remaining, permit)
    }

    /// Leaves half of the chunks to those who wait for their disk.
    fn read_ahead(&mut self) {
        if self.remaining > 0
            && CHUNKS.available_permits() > CHUNKS_HELD / 2
            && let Ok(permit) = CHUNKS.try_acquire()
        {
            self.next = Some(self.read(Some(permit)));
        }
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
