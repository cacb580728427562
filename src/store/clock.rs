//! The idle clock: milliseconds that servers on this data were running.
//!
//! Follows the monotonic clock from tick to tick, but advances by at most two ticks at once: time in which the server was
//! suspended, stopped or starved hardly counts. Independent of the wall clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::job::IdleMs;

/// Interval between ticks.
pub(crate) const TICK: Duration = Duration::from_secs(1);

/// A clock that runs only while the server does.
#[derive(Debug)]
pub(crate) struct IdleClock {
    reading: Mutex<Reading>,
    /// The reading that was last stored, in milliseconds.
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
    /// A clock that continues from `start`.
    pub(crate) fn new(start: IdleMs) -> Self {
        Self {
            reading: Mutex::new(Reading {
                ms: start.0,
                at: Instant::now(),
            }),
            stored: AtomicI64::new(start.0),
        }
    }

    /// The current reading.
    pub(crate) fn now(&self) -> IdleMs {
        IdleMs(self.reading.lock().now())
    }

    /// Advances the clock; call once per [`TICK`].
    pub(crate) fn tick(&self) {
        let mut reading = self.reading.lock();
        reading.ms = reading.now();
        reading.at = Instant::now();
    }

    /// The reading that was last stored.
    pub(crate) fn stored(&self) -> IdleMs {
        IdleMs(self.stored.load(Ordering::Relaxed))
    }

    /// Notes that this reading was stored.
    pub(super) fn set_stored(&self, stored: IdleMs) {
        self.stored.store(stored.0, Ordering::Relaxed);
    }

    /// Advances the clock in tests.
    #[cfg(test)]
    pub(crate) fn advance(&self, ms: i64) {
        self.reading.lock().ms += ms;
    }
}
