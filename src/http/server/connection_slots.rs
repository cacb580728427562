//! Places for connections: as many as may be served, and a reserve in which health is always answered.
//!
//! A connection beyond the limit comes into the reserve. Its first request that is not about health takes the place of
//! another connection: of one that is free, or else of the one that has been idle longest, or has been half-closed. If
//! all are at work it waits a moment for one of them to end, and is then rejected. A full reserve makes room by its
//! oldest. So nobody who waits, streams or only connects keeps a health check from its answer.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::http::server::activity::Pace;

/// How long a request beyond the limit waits for a place.
const PLACE_WAIT: Duration = Duration::from_secs(1);
/// Places in the reserve, at least and at most; in between, as many as a sixteenth of the limit.
const RESERVE: (usize, usize) = (4, 64);

/// All places of a server.
pub(in crate::http) struct Places {
    free: Arc<Semaphore>,
    reserve: usize,
    open: Mutex<Open>,
    /// A connection has left the reserve.
    left: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    regular: HashMap<u64, Arc<Pace>>,
    /// The oldest first.
    reserve: BTreeMap<u64, Arc<Pace>>,
}

impl Places {
    /// So many connections may be served.
    pub(in crate::http) fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(connections)),
            reserve: (connections / 16).clamp(RESERVE.0, RESERVE.1),
            open: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// A place for a new connection. Waits only for connections that have been asked to leave the reserve.
    pub(in crate::http) async fn enter(self: &Arc<Self>, pace: &Arc<Pace>) -> Place {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok();
        let is_regular = permit.is_some();
        let number = loop {
            if let Some(number) = self.register(pace, is_regular) {
                break number;
            }
            self.left.notified().await;
        };
        Place {
            places: Arc::clone(self),
            number,
            pace: Arc::clone(pace),
            permit: Mutex::new(permit),
            is_regular: AtomicBool::new(is_regular),
        }
    }

    /// The number of a new connection; none if those that must leave the reserve are still there, as many as it has places.
    fn register(&self, pace: &Arc<Pace>, is_regular: bool) -> Option<u64> {
        let mut open = self.open.lock();
        let number = open.next;
        if is_regular {
            open.regular.insert(number, Arc::clone(pace));
        } else {
            let leaving = open.reserve.values().filter(|pace| pace.must_leave());
            let (all, leaving) = (open.reserve.len(), leaving.count());
            if leaving >= self.reserve {
                return None;
            }
            if all - leaving >= self.reserve {
                let staying = || open.reserve.values().filter(|pace| !pace.must_leave());
                let idle = staying().find(|pace| !pace.is_answering());
                if let Some(pace) = idle.or_else(|| staying().next()) {
                    pace.ask_to_leave();
                }
            }
            open.reserve.insert(number, Arc::clone(pace));
        }
        open.next += 1;
        Some(number)
    }

    /// Asks the connection to leave that has done nothing for longest.
    fn make_room(&self) {
        let open = self.open.lock();
        let staying = open.regular.values().filter(|pace| !pace.must_leave());
        let idle = staying.filter_map(|pace| Some((pace.idle_since()?, pace)));
        if let Some((_, pace)) = idle.min_by_key(|(since, _)| *since) {
            pace.ask_to_leave();
        }
    }
}

/// The place of one connection, given back when it is dropped.
pub(in crate::http) struct Place {
    places: Arc<Places>,
    number: u64,
    pace: Arc<Pace>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    is_regular: AtomicBool,
}

impl Place {
    /// Whether it is beyond the limit.
    pub(in crate::http) fn is_in_reserve(&self) -> bool {
        !self.is_regular.load(Ordering::Relaxed)
    }

    /// Takes a place within the limit; false if there is none.
    pub(in crate::http) async fn admit(&self) -> bool {
        if !self.is_in_reserve() {
            return true;
        }
        if self.places.free.available_permits() == 0 {
            self.places.make_room();
        }
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&self.places.free).acquire_owned() => permit,
            // The task is woken by whoever asks it to leave.
            () = poll_fn(|_| if self.pace.must_leave() { Poll::Ready(()) } else { Poll::Pending }) => return false,
            () = tokio::time::sleep(PLACE_WAIT) => return false,
        };
        let mut open = self.places.open.lock();
        if let Some(pace) = open.reserve.remove(&self.number) {
            open.regular.insert(self.number, pace);
            self.places.left.notify_one();
        }
        // The semaphore is never closed.
        *self.permit.lock() = permit.ok();
        self.is_regular.store(true, Ordering::Relaxed);
        true
    }

    /// Whether the connection may be closed at once when it is asked to leave. In the reserve a request under way is
    /// answered first, by a rejection.
    pub(in crate::http) fn may_close(&self) -> bool {
        if self.is_in_reserve() {
            !self.pace.is_answering()
        } else {
            self.pace.idle_since().is_some()
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.places.open.lock();
        open.regular.remove(&self.number);
        if open.reserve.remove(&self.number).is_some() {
            self.places.left.notify_one();
        }
    }
}
