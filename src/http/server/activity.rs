//! What a connection is doing, for those who have to know: its socket, its requests, and whoever looks for one that may
//! be closed.

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

/// What the socket is told of the requests on it, and others of the connection.
#[derive(Debug)]
pub(in crate::http) struct Pace {
    begun: Instant,
    answering: AtomicBool,
    requests: AtomicU32,
    /// How many requests there were when the first bytes of another one came, and one more; 0 before the first.
    head_after: AtomicU32,
    /// How many requests there were when the last byte of a reply was taken by the socket.
    flushed: AtomicU32,
    /// The reply to the current request is known.
    replied: AtomicBool,
    /// That reply has an end, which a client waits for.
    is_finite: AtomicBool,
    /// Work is done that ends when the client of the current request is gone.
    synchronous: AtomicBool,
    /// The client of the current request understands interim replies.
    is_modern: AtomicBool,
    /// When the client closed its side, in milliseconds from the connection's begin, and one more; 0 if it has not.
    closed_ms: AtomicU64,
    leaves: AtomicBool,
    leave: Mutex<Option<oneshot::Sender<()>>>,
    /// When the last request was answered, in milliseconds from the connection's begin.
    answered_ms: AtomicU64,
    /// Whether there is something in `spent`.
    has_spent: AtomicBool,
    /// The right to a result that is in the connection's buffer to its last byte.
    spent: Mutex<Option<ConsumeGuard>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            answering: AtomicBool::new(false),
            requests: AtomicU32::new(0),
            head_after: AtomicU32::new(0),
            flushed: AtomicU32::new(0),
            replied: AtomicBool::new(false),
            is_finite: AtomicBool::new(false),
            synchronous: AtomicBool::new(false),
            is_modern: AtomicBool::new(false),
            closed_ms: AtomicU64::new(0),
            leaves: AtomicBool::new(false),
            leave: Mutex::default(),
            answered_ms: AtomicU64::new(0),
            has_spent: AtomicBool::new(false),
            spent: Mutex::default(),
        }
    }
}

impl Pace {
    pub(in crate::http) fn begun(&self) -> Instant {
        self.begun
    }

    /// How many requests there were.
    pub(in crate::http) fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The first bytes of another request after so many have come.
    pub(in crate::http) fn head_begins(&self, requests: u32) {
        self.head_after.store(requests + 1, Ordering::Relaxed);
    }

    pub(in crate::http) fn answered(&self) -> Instant {
        self.begun + Duration::from_millis(self.answered_ms.load(Ordering::Relaxed))
    }

    /// A request has begun to be answered; it is until the guard is dropped.
    pub(in crate::http) fn begin(self: &Arc<Self>, version: Version) -> Answering {
        self.replied.store(false, Ordering::Relaxed);
        self.is_finite.store(false, Ordering::Relaxed);
        self.synchronous.store(false, Ordering::Relaxed);
        let is_modern = version >= Version::HTTP_11;
        self.is_modern.store(is_modern, Ordering::Relaxed);
        self.answering.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    /// The reply is known, and will be written.
    pub(in crate::http) fn replied(&self, body: &Body) {
        self.replied.store(true, Ordering::Relaxed);
        let is_finite = !matches!(body, Body::Events(_));
        self.is_finite.store(is_finite, Ordering::Relaxed);
    }

    /// The current request ends when its client is gone.
    pub(in crate::http) fn hold_ephemeral(&self) {
        self.synchronous.store(true, Ordering::Relaxed);
    }

    pub(in crate::http) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    pub(in crate::http) fn has_reply(&self) -> bool {
        self.replied.load(Ordering::Relaxed)
    }

    pub(in crate::http) fn is_attended(&self) -> bool {
        self.synchronous.load(Ordering::Relaxed)
    }

    pub(in crate::http) fn can_be_probed(&self) -> bool {
        self.is_modern.load(Ordering::Relaxed)
    }

    /// The client has closed its side.
    pub(in crate::http) fn half_closed(&self) {
        let now_ms = self.begun.elapsed().as_millis() as u64;
        self.closed_ms.store(now_ms + 1, Ordering::Relaxed);
    }

    pub(in crate::http) fn is_half_closed(&self) -> bool {
        self.closed_ms.load(Ordering::Relaxed) > 0
    }

    /// Since when there is nothing on the connection that anybody would miss: no request or a part of one, and no reply on
    /// its way. While a client that may be gone waits, or follows a stream, nobody may miss that either. None if there is.
    pub(in crate::http) fn idle_since(&self) -> Option<Instant> {
        if self.is_answering() {
            let closed_ms = self.closed_ms.load(Ordering::Relaxed);
            let is_awaited = closed_ms == 0 || self.is_finite.load(Ordering::Relaxed);
            return (!is_awaited).then(|| self.begun + Duration::from_millis(closed_ms - 1));
        }
        let requests = self.requests.load(Ordering::Relaxed);
        let has_head = self.head_after.load(Ordering::Relaxed) == requests + 1;
        let is_flushed = self.flushed.load(Ordering::Relaxed) == requests;
        (!has_head && is_flushed).then(|| self.answered())
    }

    /// The socket has taken everything that was to be written.
    pub(in crate::http) fn note_flush(&self) {
        if !self.is_answering() {
            let requests = self.requests.load(Ordering::Relaxed);
            self.flushed.store(requests, Ordering::Relaxed);
        }
    }

    /// What the connection's task waits for beside its requests.
    pub(in crate::http) fn asked_to_leave(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        *self.leave.lock() = Some(sender);
        receiver
    }

    /// Asks the connection to make room for another one.
    pub(in crate::http) fn ask_to_leave(&self) {
        self.leaves.store(true, Ordering::Relaxed);
        if let Some(leave) = self.leave.lock().take() {
            // A connection that has ended has left.
            let _ = leave.send(());
        }
    }

    pub(in crate::http) fn must_leave(&self) -> bool {
        self.leaves.load(Ordering::Relaxed)
    }
}

impl Pace {
    /// A whole result is in the connection's buffer.
    pub(in crate::http) fn spend(&self, lease: ConsumeGuard) {
        *self.spent.lock() = Some(lease);
        self.has_spent.store(true, Ordering::Relaxed);
    }

    /// Lets the socket take bytes, which are all that the connection's buffer has: hyper hands over the whole of it. Where
    /// they are the last of a whole result nobody else begins with it before it is clear whether they were taken.
    pub(in crate::http) fn write(
        &self,
        bytes: usize,
        write: impl FnOnce() -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if !self.has_spent.load(Ordering::Relaxed) {
            return write();
        }
        let mut spent = self.spent.lock();
        let Some(lease) = spent.as_ref() else {
            return write();
        };
        let mut is_taken = false;
        let written = lease.consume_if(|| {
            let written = write();
            is_taken = matches!(written, Poll::Ready(Ok(taken)) if taken == bytes);
            (is_taken, written)
        });
        if is_taken {
            self.has_spent.store(false, Ordering::Relaxed);
            *spent = None;
        }
        written
    }
}

/// A request is being answered.
#[derive(Debug)]
pub(in crate::http) struct Answering(Arc<Pace>);

impl Answering {
    /// A whole result is in the connection's buffer.
    pub(in crate::http) fn spend(&self, lease: ConsumeGuard) {
        self.0.spend(lease);
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let answered_ms = self.0.begun.elapsed().as_millis() as u64;
        self.0.answered_ms.store(answered_ms, Ordering::Relaxed);
        self.0.answering.store(false, Ordering::Relaxed);
    }
}
