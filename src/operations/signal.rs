//! How an attempt is asked to stop, and why; and the moment from which it is too late for that.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// Why an attempt is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StopReason {
    /// Nobody wants the result any more.
    Canceled = 1,
    /// It took longer than it may.
    TimedOut,
    /// The server stops; the job is run again later.
    Draining,
}

/// The wish that an attempt stop.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    reason: AtomicU8,
    raised: Notify,
}

/// In the place of a reason: the attempt is putting what it made into its place, and does not stop any more.
const SEALED: u8 = u8::MAX;

impl StopSignal {
    /// Asks for it. The first reason counts; once the signal is sealed none does.
    pub(crate) fn raise(&self, reason: StopReason) {
        if self.set(reason as u8).is_ok() {
            self.raised.notify_waiters();
        }
    }

    /// From now on it is too late to ask for it. False if it was asked for before.
    pub(in crate::operations) fn seal(&self) -> bool {
        matches!(self.set(SEALED), Ok(()) | Err(SEALED))
    }

    fn set(&self, value: u8) -> Result<(), u8> {
        let set = self
            .reason
            .compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed);
        set.map(drop)
    }

    /// Why it was asked for, if it was.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        let reasons = [
            StopReason::Canceled,
            StopReason::TimedOut,
            StopReason::Draining,
        ];
        let raised = self.reason.load(Ordering::Relaxed);
        reasons.into_iter().find(|reason| *reason as u8 == raised)
    }

    /// Ends once it was asked for.
    pub(in crate::operations) async fn raised(&self) {
        let raised = self.raised.notified();
        tokio::pin!(raised);
        // Who registers first and then looks misses nothing.
        raised.as_mut().enable();
        if self.reason().is_none() {
            raised.await;
        }
    }
}
