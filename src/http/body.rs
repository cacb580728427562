//! What replies are made of: nothing, some bytes, or a result streamed from the store.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::engine::Hold;
use crate::store::{self, BlobReader};

/// A reply's body.
#[derive(Debug)]
pub enum Body {
    /// No bytes, or some that are at hand.
    Full(Bytes),
    /// A blob.
    Blob(BlobStream),
}

/// A blob on its way out: one chunk is read ahead while the last is sent.
#[derive(Debug)]
pub struct BlobStream {
    reader: BlobReader,
    number: u32,
    remaining: u64,
    /// Kept from expiry until the last byte is on its way.
    _hold: Hold,
    next: JoinHandle<Result<Option<Bytes>, store::Error>>,
}

impl BlobStream {
    /// The whole blob, which is `size` bytes long. Needs a tokio runtime.
    pub fn new(reader: BlobReader, size: u64, hold: Hold) -> Self {
        let next = read(reader.clone(), 0);
        Self {
            reader,
            number: 0,
            remaining: size,
            _hold: hold,
            next,
        }
    }
}

fn read(reader: BlobReader, number: u32) -> JoinHandle<Result<Option<Bytes>, store::Error>> {
    tokio::task::spawn_blocking(move || reader.chunk(number))
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
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Blob(stream) => stream.remaining == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Self::Full(bytes) => bytes.len() as u64,
            Self::Blob(stream) => stream.remaining,
        })
    }
}

impl BlobStream {
    /// An error ends the connection short of its Content-Length, which is how the client knows.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let chunk = match ready!(Pin::new(&mut self.next).poll(context)) {
            Ok(Ok(Some(chunk))) if chunk.len() as u64 <= self.remaining => chunk,
            Ok(Ok(_)) => return Poll::Ready(Some(Err(io::Error::other("the result is gone")))),
            Ok(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
        };
        self.remaining -= chunk.len() as u64;
        if self.remaining > 0 {
            self.number += 1;
            self.next = read(self.reader.clone(), self.number);
        }
        Poll::Ready(Some(Ok(chunk)))
    }
}
