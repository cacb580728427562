//! A connection's socket with time limits: how long a head may take, a connection may idle, a write may stall.
//!
//! The socket keeps its own deadlines and looks at the clock when it would wait, so that a request costs no timer. What
//! it cannot know, whether a request is being answered, the service tells it through [`Pace`]. Bodies on the way in are
//! timed where they are read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::http::response::body::Body;
use crate::http::server::activity::{Answering, Pace};
use crate::http::server::hangup::{Peer, Watch};

/// What a client that is too slow is told before it is cut, when nothing else is under way.
const TOO_SLOW: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
    cache-control: no-store\r\nconnection: close\r\ncontent-length: 171\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Request Timeout\",\"status\":408,\
    \"detail\":\"The head of the request took too long to arrive.\",\"code\":\"request_timeout\",\"instance\":\"about:blank\"}";

/// Time limits of a connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Times {
    /// For the head of a request, from its first byte; for the first one, from the connection's begin.
    pub(in crate::http) header: Duration,
    /// Between the end of one request and the first byte of the next.
    pub(in crate::http) idle: Duration,
    /// For the peer to take some bytes.
    pub(in crate::http) stall: Duration,
}

/// Ends when a reply must.
pub(in crate::http) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A body that keeps its request under way until its last byte is handed over.
pub(in crate::http) struct Reply {
    body: Body,
    answering: Answering,
    /// Whoever asked may be told no more after this.
    ending: Option<Ending>,
}

impl Reply {
    pub(in crate::http) fn new(body: Body, answering: Answering, ending: Option<Ending>) -> Self {
        let mut reply = Self {
            body,
            answering,
            ending,
        };
        // Nobody asks an empty body for bytes.
        reply.note_end();
        reply
    }

    fn note_end(&mut self) {
        if let Some(lease) = self.body.take_spent() {
            self.answering.spend(lease);
        }
    }
}

impl hyper::body::Body for Reply {
    type Data = bytes::Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, io::Error>>> {
        if let Some(ending) = &mut self.ending
            && ending.as_mut().poll(context).is_ready()
        {
            self.ending = None;
            let cut = || io::Error::other("the token that asked for the reply is gone");
            // What has no length may end anywhere; other bodies end visibly short of it.
            let end = (!matches!(self.body, Body::Events(_))).then(|| Err(cut()));
            self.body = Body::empty();
            return Poll::Ready(end);
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            self.note_end();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The socket.
pub(in crate::http) struct TimeoutStream<S> {
    socket: S,
    pace: Arc<Pace>,
    times: Times,
    /// When the first bytes after so many requests came.
    head: Option<(u32, Instant)>,
    reading: Option<Pin<Box<Sleep>>>,
    stalled: Option<Instant>,
    writing: Option<Pin<Box<Sleep>>>,
    watch: Watch,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimeoutStream<S> {
    pub(in crate::http) fn new(socket: S, pace: Arc<Pace>, times: Times) -> Self {
        Self {
            socket,
            pace,
            times,
            head: None,
            reading: None,
            stalled: None,
            writing: None,
            watch: Watch::default(),
        }
    }

    /// Until when the next bytes of a head must come.
    fn read_deadline(&self) -> Instant {
        if self.pace.is_answering() {
            // Nothing wakes us when the answer is out: look again when the connection could be idle for too long.
            return Instant::now() + self.times.idle;
        }
        let requests = self.pace.requests();
        if let Some((_, since)) = self.head.filter(|(after, _)| *after == requests) {
            return since + self.times.header;
        }
        if requests == 0 {
            self.pace.begun() + self.times.header
        } else {
            self.pace.answered() + self.times.idle
        }
    }

    /// A head that came in part is answered before the connection is cut.
    fn say_too_slow(&mut self, context: &mut Context<'_>) {
        let requests = self.pace.requests();
        if self.head.is_some_and(|(after, _)| after == requests) {
            // Whoever does not take it is cut all the same.
            let _ = Pin::new(&mut self.socket).poll_write(context, TOO_SLOW);
        }
    }

    fn after_write<T>(
        &mut self,
        context: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let deadline = *self.stalled.get_or_insert_with(Instant::now) + self.times.stall;
        if is_over(&mut self.writing, deadline, context) {
            Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
        } else {
            result
        }
    }
}

/// Whether `deadline` has passed; if not, the task is woken when it has.
fn is_over(
    sleep: &mut Option<Pin<Box<Sleep>>>,
    deadline: Instant,
    context: &mut Context<'_>,
) -> bool {
    let sleep = sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
    // One that rings too early is set again then; one that would ring too late is set now.
    if sleep.deadline() > deadline {
        sleep.as_mut().reset(deadline);
    }
    while sleep.as_mut().poll(context).is_ready() {
        if Instant::now() >= deadline {
            return true;
        }
        sleep.as_mut().reset(deadline);
    }
    false
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TimeoutStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(result) = Pin::new(&mut this.socket).poll_read(context, buffer) {
            let requests = this.pace.requests();
            // While a request is being answered these are the bytes of its body.
            if !this.pace.is_answering() && this.head.is_none_or(|(after, _)| after != requests) {
                this.head = Some((requests, Instant::now()));
                this.pace.head_begins(requests);
            }
            return Poll::Ready(result);
        }
        let deadline = this.read_deadline();
        if is_over(&mut this.reading, deadline, context) {
            this.say_too_slow(context);
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Peer + Unpin> AsyncWrite for TimeoutStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let write = || Pin::new(&mut this.socket).poll_write(context, bytes);
        let result = this.pace.write(bytes.len(), write);
        self.after_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        let write = || Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        let result = this.pace.write(bytes, write);
        self.after_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// Called whenever the connection has nothing to write, so also while it waits for a reply.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.pace.note_flush();
        this.watch.poll(&this.socket, &this.pace, context)?;
        Pin::new(&mut this.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_slow_client_is_told_is_a_whole_reply() {
        let text = std::str::from_utf8(TOO_SLOW).expect("ASCII");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.contains(&format!("content-length: {}", body.len())),
            "{}",
            body.len()
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(body).expect("JSON")["status"],
            408
        );
    }
}
