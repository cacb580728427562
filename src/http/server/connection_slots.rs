//! Slots for connections: the configured number, and a reserve that keeps health checks answerable.
//!
//! A connection beyond the limit enters the reserve. Its first request that is no health check needs a regular slot: a
//! free one, or that of the connection that has been idle or half-closed longest. If all connections are busy, the request
//! waits briefly for one of them to close and is then rejected. A full reserve closes its oldest connection. So clients
//! that wait, stream or only connect cannot block health checks.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::http::server::activity::Activity;

/// How long a request beyond the limit waits for a slot.
const SLOT_TIMEOUT: Duration = Duration::from_secs(1);
/// The smallest and the largest reserve, in slots. In between, the reserve is a sixteenth of the limit.
const RESERVE_SLOTS: (usize, usize) = (4, 64);

/// All slots of a server.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    /// The size of the reserve, in slots.
    reserve: usize,
    open: Mutex<Open>,
    /// Notified when a connection leaves the reserve.
    left: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    regular: HashMap<u64, Arc<Activity>>,
    /// The connections in the reserve, the oldest first.
    reserve: BTreeMap<u64, Arc<Activity>>,
}

impl Slots {
    /// Slots for `connections` connections, and the reserve.
    pub(crate) fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(connections)),
            reserve: (connections / 16).clamp(RESERVE_SLOTS.0, RESERVE_SLOTS.1),
            open: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// A slot for a new connection. Waits only for connections that have been asked to leave the reserve.
    pub(crate) async fn enter(self: &Arc<Self>, activity: &Arc<Activity>) -> Slot {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok();
        let is_regular = permit.is_some();
        let number = loop {
            if let Some(number) = self.register(activity, is_regular) {
                break number;
            }
            self.left.notified().await;
        };
        Slot {
            slots: Arc::clone(self),
            number,
            activity: Arc::clone(activity),
            permit: Mutex::new(permit),
            is_regular: AtomicBool::new(is_regular),
        }
    }

    /// The number of a new connection; `None` if the reserve is full of connections that have been asked to leave.
    fn register(&self, activity: &Arc<Activity>, is_regular: bool) -> Option<u64> {
        let mut open = self.open.lock();
        let number = open.next;
        if is_regular {
            open.regular.insert(number, Arc::clone(activity));
        } else {
            let leaving = open
                .reserve
                .values()
                .filter(|activity| activity.must_leave());
            let (all, leaving) = (open.reserve.len(), leaving.count());
            if leaving >= self.reserve {
                return None;
            }
            if all - leaving >= self.reserve {
                let staying = || {
                    open.reserve
                        .values()
                        .filter(|activity| !activity.must_leave())
                };
                let idle = staying().find(|activity| !activity.is_answering());
                if let Some(activity) = idle.or_else(|| staying().next()) {
                    activity.ask_to_leave();
                }
            }
            open.reserve.insert(number, Arc::clone(activity));
        }
        open.next += 1;
        Some(number)
    }

    /// Asks the connection that has been idle longest to close.
    fn make_room(&self) {
        let open = self.open.lock();
        let staying = open
            .regular
            .values()
            .filter(|activity| !activity.must_leave());
        let idle = staying.filter_map(|activity| Some((activity.idle_since()?, activity)));
        if let Some((_, activity)) = idle.min_by_key(|(since, _)| *since) {
            activity.ask_to_leave();
        }
    }
}

/// The slot of one connection, freed on drop.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u64,
    activity: Arc<Activity>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    is_regular: AtomicBool,
}

impl Slot {
    /// Whether the slot is in the reserve.
    pub(crate) fn is_in_reserve(&self) -> bool {
        !self.is_regular.load(Ordering::Relaxed)
    }

    /// Moves the connection to a regular slot; false if none becomes free in time.
    pub(crate) async fn admit(&self) -> bool {
        if !self.is_in_reserve() {
            return true;
        }
        if self.slots.free.available_permits() == 0 {
            self.slots.make_room();
        }
        let permit = tokio::select! {
            biased;
            permit = Arc::clone(&self.slots.free).acquire_owned() => permit,
            // `ask_to_leave` wakes the task.
            () = poll_fn(|_| if self.activity.must_leave() { Poll::Ready(()) } else { Poll::Pending }) => return false,
            () = tokio::time::sleep(SLOT_TIMEOUT) => return false,
        };
        let mut open = self.slots.open.lock();
        if let Some(activity) = open.reserve.remove(&self.number) {
            open.regular.insert(self.number, activity);
            self.slots.left.notify_one();
        }
        // The semaphore is never closed.
        *self.permit.lock() = permit.ok();
        self.is_regular.store(true, Ordering::Relaxed);
        true
    }

    /// Whether the connection may be closed at once when it is asked to leave. In the reserve, a request in progress is
    /// first answered with a rejection.
    pub(crate) fn may_close(&self) -> bool {
        if self.is_in_reserve() {
            !self.activity.is_answering()
        } else {
            self.activity.idle_since().is_some()
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = self.slots.open.lock();
        open.regular.remove(&self.number);
        if open.reserve.remove(&self.number).is_some() {
            self.slots.left.notify_one();
        }
    }
}
