//! Response bodies: bytes in memory, a result or a file that is streamed, or events.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::engine::{ConsumeGuard, EphemeralJob};
use crate::http::response::file_stream::FileStream;
use crate::http::response::result_stream::ResultStream;

/// The body of a response.
#[derive(Debug)]
pub(crate) enum Body {
    /// Bytes in memory, or no bytes.
    Full(Bytes),
    /// A job's result, or a range of it.
    Result(ResultStream),
    /// A file below a root, or a range of it.
    File(FileStream),
    /// Chunks that are sent as they arrive, until the sender is dropped.
    Events(mpsc::Receiver<Bytes>),
}

impl Body {
    /// See [`ResultStream::take_spent`].
    pub(crate) fn take_spent(&mut self) -> Option<ConsumeGuard> {
        match self {
            Self::Result(stream) => stream.take_spent(),
            _ => None,
        }
    }

    /// Makes the body end `ephemeral` before it hands out the last byte of a result. Other bodies drop it at once.
    pub(crate) fn hold_ephemeral(&mut self, ephemeral: EphemeralJob) {
        if let Self::Result(stream) = self {
            stream.hold_ephemeral(ephemeral);
        }
    }

    /// A body without bytes.
    pub(crate) fn empty() -> Self {
        Self::Full(Bytes::new())
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
            Self::Result(stream) => stream
                .poll_bytes(context)
                .map(|bytes| bytes.map(|bytes| bytes.map(Frame::data))),
            Self::File(stream) => stream
                .poll_bytes(context)
                .map(|bytes| bytes.map(|bytes| bytes.map(Frame::data))),
            Self::Events(chunks) => chunks
                .poll_recv(context)
                .map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Full(bytes) => bytes.is_empty(),
            Self::Result(stream) => stream.remaining() == 0,
            Self::File(stream) => stream.remaining() == 0,
            Self::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Result(stream) => SizeHint::with_exact(stream.remaining()),
            Self::File(stream) => SizeHint::with_exact(stream.remaining()),
            Self::Events(_) => SizeHint::default(),
        }
    }
}
