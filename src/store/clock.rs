//! The idle clock: milliseconds that servers on this data were up.
//!
//! It follows the monotonic clock from tick to tick, by two tick lengths at most: a server that was suspended, stopped
//! or starved counts next to nothing of it, and no wall clock matters.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::job::IdleMs;

/// The time from one tick to the next.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// The clock.
#[derive(Debug)]
pub(crate) struct IdleClock {
    reading: Mutex<Reading>,
    /// What it showed when it was last stored.
    stored: AtomicI64,
}

#[derive(Debug)]
struct Reading {
    ms: i64,
    at: Instant,
}

impl Reading {
    fn now(&self) -> i64 {
        self.ms + self.at.elapsed().min(2 * TICK).as_millis() as i64
    }
}

impl IdleClock {
    /// A clock that goes on from `start`.
    pub(crate) fn new(start: IdleMs) -> Self {
        Self {
            reading: Mutex::new(Reading {
                ms: start.0,
                at: Instant::now(),
            }),
            stored: AtomicI64::new(start.0),
        }
    }

    /// What it shows.
    pub(crate) fn now(&self) -> IdleMs {
        IdleMs(self.reading.lock().now())
    }

    /// Keeps it going; once every [`TICK`].
    pub(crate) fn tick(&self) {
        let mut reading = self.reading.lock();
        reading.ms = reading.now();
        reading.at = Instant::now();
    }

    /// What it showed when it was last stored.
    pub(crate) fn stored(&self) -> IdleMs {
        IdleMs(self.stored.load(Ordering::Relaxed))
    }

    /// Notes that this is stored.
    pub(super) fn set_stored(&self, stored: IdleMs) {
        self.stored.store(stored.0, Ordering::Relaxed);
    }

    /// Lets time pass.
    #[cfg(test)]
    pub(crate) fn advance(&self, ms: i64) {
        self.reading.lock().ms += ms;
    }
}
