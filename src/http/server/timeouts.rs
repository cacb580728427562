//! A socket with timeouts: for the head of a request, for an idle connection, and for a stalled write.
//!
//! The socket keeps its own deadlines and checks the clock when it would wait, so that a request costs no timer. The
//! service reports through [`Activity`] whether a request is being answered. Request bodies have their timeout where they
//! are read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::http::request::request_id::RequestIds;
use crate::http::response::body::Body;
use crate::http::server::activity::{Activity, RequestInProgress};
use crate::http::server::hangup::{Peer, Watch};
use crate::http::server::own_response::OwnResponse;
use crate::http::server::request_log::RequestLog;

/// The response to a head that takes too long, after which the connection is closed.
/// [`OwnResponse`] adds its id.
const REQUEST_TIMEOUT_RESPONSE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\n\
    cache-control: no-store\r\nconnection: close\r\ncontent-length: 171\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Request Timeout\",\"status\":408,\
    \"detail\":\"The head of the request took too long to arrive.\",\"code\":\"request_timeout\",\"instance\":\"about:blank\"}";

/// The timeouts of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// For the head of a request: from its first byte, or from the accept for the first request.
    pub(crate) header_read: Duration,
    /// For the first byte of the next request after a response.
    pub(crate) keep_alive: Duration,
    /// For the client to take some bytes of a response.
    pub(crate) write_stall: Duration,
}

/// Completes when a response must be cut off.
pub(crate) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A response body that keeps its request in progress until the last byte is handed over.
pub(crate) struct TimedBody {
    body: Body,
    in_progress: RequestInProgress,
    /// Completes when the client loses its access.
    ending: Option<Ending>,
    /// The line of the log, which is written when the body is dropped.
    log: Option<Box<RequestLog>>,
}

impl TimedBody {
    pub(crate) fn new(
        body: Body,
        in_progress: RequestInProgress,
        ending: Option<Ending>,
        log: Option<Box<RequestLog>>,
    ) -> Self {
        let mut timed = Self {
            body,
            in_progress,
            ending,
            log,
        };
        // hyper does not poll an empty body.
        timed.note_end();
        timed
    }

    fn note_end(&mut self) {
        if let Some(guard) = self.body.take_spent() {
            self.in_progress.spend(guard);
        }
    }
}

impl hyper::body::Body for TimedBody {
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
            let cut = || io::Error::other("the token of the request is no longer valid");
            // A stream of events may end anywhere. Other bodies end with an error, short of their `Content-Length`.
            let end = (!matches!(self.body, Body::Events(_))).then(|| Err(cut()));
            self.body = Body::empty();
            return Poll::Ready(end);
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            self.note_end();
        }
        if let (Some(log), Poll::Ready(Some(Ok(frame)))) = (&mut self.log, &frame) {
            log.add_bytes(frame.data_ref().map_or(0, bytes::Bytes::len));
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

/// A socket with timeouts.
pub(crate) struct TimeoutStream<S> {
    socket: S,
    activity: Arc<Activity>,
    timeouts: Timeouts,
    /// The number of requests before the latest head, and when the first bytes of that head arrived.
    head: Option<(u32, Instant)>,
    read_timer: Option<Pin<Box<Sleep>>>,
    /// Since when a write has been waiting.
    stalled: Option<Instant>,
    write_timer: Option<Pin<Box<Sleep>>>,
    watch: Watch,
    own_response: OwnResponse,
}

impl<S: AsyncRead + AsyncWrite + Unpin> TimeoutStream<S> {
    pub(crate) fn new(
        socket: S,
        activity: Arc<Activity>,
        timeouts: Timeouts,
        request_ids: Arc<RequestIds>,
    ) -> Self {
        Self {
            socket,
            activity,
            timeouts,
            head: None,
            read_timer: None,
            stalled: None,
            write_timer: None,
            watch: Watch::default(),
            own_response: OwnResponse::new(request_ids),
        }
    }

    /// The time by which the next bytes of a head must arrive.
    fn read_deadline(&self) -> Instant {
        if self.activity.is_answering() {
            // Nothing wakes this task after the response: check again when the connection could be idle for too long.
            return Instant::now() + self.timeouts.keep_alive;
        }
        let requests = self.activity.requests();
        if let Some((_, since)) = self.head.filter(|(after, _)| *after == requests) {
            return since + self.timeouts.header_read;
        }
        if requests == 0 {
            self.activity.accepted() + self.timeouts.header_read
        } else {
            self.activity.answered() + self.timeouts.keep_alive
        }
    }

    /// Answers a head that has arrived only in part, before the connection is closed.
    fn send_timeout_response(&mut self, context: &mut Context<'_>) {
        let requests = self.activity.requests();
        if self.head.is_some_and(|(after, _)| after == requests) {
            // The connection is closed even if the client does not take the response.
            let _ = self.own_response.poll_write(
                Pin::new(&mut self.socket),
                context,
                &[io::IoSlice::new(REQUEST_TIMEOUT_RESPONSE)],
            );
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
        let deadline = *self.stalled.get_or_insert_with(Instant::now) + self.timeouts.write_stall;
        if is_over(&mut self.write_timer, deadline, context) {
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
    // A timer that fires too early is set again below; one that would fire too late is set now.
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
            let requests = this.activity.requests();
            // While a request is being answered, the bytes belong to its body.
            if !this.activity.is_answering() && this.head.is_none_or(|(after, _)| after != requests)
            {
                this.head = Some((requests, Instant::now()));
                this.activity.note_head(requests);
            }
            return Poll::Ready(result);
        }
        let deadline = this.read_deadline();
        if is_over(&mut this.read_timer, deadline, context) {
            this.send_timeout_response(context);
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
        if this.activity.awaits_head() {
            return self.poll_write_vectored(context, &[io::IoSlice::new(bytes)]);
        }
        let write = || Pin::new(&mut this.socket).poll_write(context, bytes);
        let result = this.activity.write(bytes.len(), write);
        self.after_write(context, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if this.activity.awaits_head() {
            let socket = Pin::new(&mut this.socket);
            let result = this.own_response.poll_write(socket, context, slices);
            return self.after_write(context, result);
        }
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        let write = || Pin::new(&mut this.socket).poll_write_vectored(context, slices);
        let result = this.activity.write(bytes, write);
        self.after_write(context, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    /// hyper calls this whenever it has nothing to write, also while it waits for a response.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.activity.note_flush();
        this.watch.poll(&this.socket, &this.activity, context)?;
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
    fn request_timeout_response_is_complete() {
        let text = std::str::from_utf8(REQUEST_TIMEOUT_RESPONSE).expect("ASCII");
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
