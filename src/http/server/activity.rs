//! The state of a connection, shared by its socket, its requests, and the search for a connection that may be closed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use http::Version;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::engine::ConsumeGuard;
use crate::http::response::body::Body;

/// The state of one connection.
#[derive(Debug)]
pub(crate) struct Activity {
    /// When the connection was accepted.
    accepted: Instant,
    /// Whether a request is being answered.
    answering: AtomicBool,
    /// The number of requests so far.
    requests: AtomicU32,
    /// The number of the request whose first bytes have arrived most recently, counted from 1; 0 before the first.
    head_after: AtomicU32,
    /// The number of requests whose responses the socket has taken in full.
    flushed: AtomicU32,
    /// Whether the response to the current request is known.
    has_response: AtomicBool,
    /// Whether that response has an end, unlike a stream of events.
    is_finite: AtomicBool,
    /// Whether the current request waits for an ephemeral job, which is canceled if the client disconnects.
    synchronous: AtomicBool,
    /// Whether the client of the current request understands interim responses (HTTP/1.1).
    accepts_interim: AtomicBool,
    /// When the client closed its side, in milliseconds since the accept plus one; 0 if it has not.
    closed_ms: AtomicU64,
    /// Whether the connection has been asked to close.
    leaves: AtomicBool,
    /// Wakes the connection's task when it is asked to close.
    leave: Mutex<Option<oneshot::Sender<()>>>,
    /// When the last request was answered, in milliseconds since the accept.
    answered_ms: AtomicU64,
    /// Whether `spent` is set; read without taking the lock.
    has_spent: AtomicBool,
    /// Consumes a one-time result whose last bytes are in the connection's buffer.
    spent: Mutex<Option<ConsumeGuard>>,
}

impl Default for Activity {
    fn default() -> Self {
        Self {
            accepted: Instant::now(),
            answering: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            head_after: AtomicU32::new(0),
            flushed: AtomicU32::new(0),
            has_response: AtomicBool::new(false),
            is_finite: AtomicBool::new(false),
            synchronous: AtomicBool::new(false),
            accepts_interim: AtomicBool::new(false),
            closed_ms: AtomicU64::new(0),
            leaves: AtomicBool::new(false),
            leave: Mutex::default(),
            answered_ms: AtomicU64::new(0),
            has_spent: AtomicBool::new(false),
            spent: Mutex::default(),
        }
    }
}

impl Activity {
    /// When the connection was accepted.
    pub(crate) fn accepted(&self) -> Instant {
        self.accepted
    }

    /// The number of requests so far.
    pub(crate) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Notes that the first bytes of the request after `requests` others have arrived.
    pub(crate) fn note_head(&self, requests: u32) {
        self.head_after.store(requests + 1, Ordering::Relaxed);
    }

    /// When the last request was answered.
    pub(crate) fn answered(&self) -> Instant {
        self.accepted + Duration::from_millis(self.answered_ms.load(Ordering::Relaxed))
    }

    /// Notes that a request is being answered, until the guard is dropped.
    pub(crate) fn begin_request(self: &Arc<Self>, version: Version) -> RequestInProgress {
        self.has_response.store(false, Ordering::Relaxed);
        self.is_finite.store(false, Ordering::Relaxed);
        self.synchronous.store(false, Ordering::Relaxed);
        let accepts_interim = version >= Version::HTTP_11;
        self.accepts_interim
            .store(accepts_interim, Ordering::Relaxed);
        self.answering.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        RequestInProgress(Arc::clone(self))
    }

    /// Notes that the response is known and about to be written.
    pub(crate) fn note_response(&self, body: &Body) {
        self.has_response.store(true, Ordering::Relaxed);
        let is_finite = !matches!(body, Body::Events(_));
        self.is_finite.store(is_finite, Ordering::Relaxed);
    }

    /// Notes that the current request waits for an ephemeral job, which is canceled if the client disconnects.
    pub(crate) fn note_ephemeral(&self) {
        self.synchronous.store(true, Ordering::Relaxed);
    }

    /// Whether a request is being answered.
    pub(crate) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    /// Whether the response to the current request is known.
    pub(crate) fn has_response(&self) -> bool {
        self.has_response.load(Ordering::Relaxed)
    }

    /// Whether the current request waits for an ephemeral job.
    pub(crate) fn is_ephemeral(&self) -> bool {
        self.synchronous.load(Ordering::Relaxed)
    }

    /// Whether the client may be probed with an interim response.
    pub(crate) fn can_be_probed(&self) -> bool {
        self.accepts_interim.load(Ordering::Relaxed)
    }

    /// Notes that the client has closed its side.
    pub(crate) fn note_half_close(&self) {
        let now_ms = self.accepted.elapsed().as_millis() as u64;
        self.closed_ms.store(now_ms + 1, Ordering::Relaxed);
    }

    /// Whether the client has closed its side.
    pub(crate) fn is_half_closed(&self) -> bool {
        self.closed_ms.load(Ordering::Relaxed) > 0
    }

    /// Since when the connection can be closed without a loss: it has no request, no part of one, and no response on its
    /// way. A half-closed connection also counts as idle while its response is an endless stream. `None` otherwise.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        if self.is_answering() {
            let closed_ms = self.closed_ms.load(Ordering::Relaxed);
            let is_awaited = closed_ms == 0 || self.is_finite.load(Ordering::Relaxed);
            return (!is_awaited).then(|| self.accepted + Duration::from_millis(closed_ms - 1));
        }
        let requests = self.requests.load(Ordering::Relaxed);
        let has_head = self.head_after.load(Ordering::Relaxed) == requests + 1;
        let is_flushed = self.flushed.load(Ordering::Relaxed) == requests;
        (!has_head && is_flushed).then(|| self.answered())
    }

    /// Whether no request is being answered and no response is on its way, so that bytes to write are the HTTP library's own
    /// response to a malformed head.
    pub(crate) fn awaits_head(&self) -> bool {
        let is_flushed =
            self.flushed.load(Ordering::Relaxed) == self.requests.load(Ordering::Relaxed);
        is_flushed && !self.is_answering()
    }

    /// Notes that the socket has taken everything that was to be written.
    pub(crate) fn note_flush(&self) {
        if !self.is_answering() {
            let requests = self.requests.load(Ordering::Relaxed);
            self.flushed.store(requests, Ordering::Relaxed);
        }
    }

    /// A receiver that completes when the connection is asked to close.
    pub(crate) fn asked_to_leave(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        *self.leave.lock() = Some(sender);
        receiver
    }

    /// Asks the connection to close in favor of another one.
    pub(crate) fn ask_to_leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
        if let Some(leave) = self.leave.lock().take() {
            // The receiver of a closed connection is gone.
            let _ = leave.send(());
        }
    }

    /// Whether the connection has been asked to close.
    pub(crate) fn must_leave(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }
}

impl Activity {
    /// Keeps the guard of a one-time result whose last bytes are now in the connection's buffer.
    pub(crate) fn spend(&self, guard: ConsumeGuard) {
        *self.spent.lock() = Some(guard);
        self.has_spent.store(true, Ordering::Relaxed);
    }

    /// Consumes the one-time result whose last bytes have been handed to another server. What becomes of them is unknown.
    pub(crate) fn consume_spent(&self) {
        if self.has_spent.swap(false, Ordering::Relaxed)
            && let Some(guard) = self.spent.lock().take()
        {
            guard.consume_if(|| (true, ()));
        }
    }

    /// Writes the connection's buffer, which hyper hands over as a whole, to the socket. If the buffer ends with the last
    /// bytes of a one-time result, no other download of it can start until the outcome of the write is known.
    pub(crate) fn write(
        &self,
        bytes: usize,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if !self.has_spent.load(Ordering::Relaxed) {
            return write();
        }
        let mut spent = self.spent.lock();
        let Some(guard) = spent.as_ref() else {
            return write();
        };
        let mut is_written = false;
        let written = guard.consume_if(|| {
            let written = write();
            is_written = matches!(written, Poll::Ready(Ok(taken)) if taken == bytes);
            (is_written, written)
        });
        if is_written {
            self.has_spent.store(false, Ordering::Relaxed);
            *spent = None;
        }
        written
    }
}

/// A request that is being answered, until the guard is dropped.
#[derive(Debug)]
pub(crate) struct RequestInProgress(Arc<Activity>);

impl RequestInProgress {
    /// See [`Activity::spend`].
    pub(crate) fn spend(&self, guard: ConsumeGuard) {
        self.0.spend(guard);
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let answered_ms = self.0.accepted.elapsed().as_millis() as u64;
        self.0.answered_ms.store(answered_ms, Ordering::Relaxed);
        self.0.answering.store(false, Ordering::Relaxed);
    }
}
