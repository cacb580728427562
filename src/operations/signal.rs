//! The signal that asks an attempt to stop, and the point from which the attempt cannot be stopped any more.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// The reason why an attempt is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum StopReason {
    /// The job was canceled.
    Canceled = 1,
    /// The attempt exceeded its time limit.
    TimedOut,
    /// The server is shutting down. The job is run again after the next start.
    Draining,
}

/// Asks an attempt to stop.
#[derive(Debug, Default)]
pub(crate) struct StopSignal {
    reason: AtomicU8,
    raised: Notify,
}

/// Stored instead of a reason: the attempt is renaming its output to the target and does not stop any more.
const SEALED: u8 = u8::MAX;

impl StopSignal {
    /// Asks the attempt to stop. Only the first reason counts. Has no effect once the signal is sealed.
    pub(crate) fn raise(&self, reason: StopReason) {
        if self.set(reason as u8).is_ok() {
            self.raised.notify_waiters();
        }
    }

    /// Makes later calls of [`raise`](Self::raise) ineffective. False if the signal was raised already.
    pub(super) fn seal(&self) -> bool {
        matches!(self.set(SEALED), Ok(()) | Err(SEALED))
    }

    fn set(&self, value: u8) -> Result<(), u8> {
        let set = self
            .reason
            .compare_exchange(0, value, Ordering::Relaxed, Ordering::Relaxed);
        set.map(drop)
    }

    /// The reason, if the signal was raised.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        let reasons = [
            StopReason::Canceled,
            StopReason::TimedOut,
            StopReason::Draining,
        ];
        let raised = self.reason.load(Ordering::Relaxed);
        reasons.into_iter().find(|reason| *reason as u8 == raised)
    }

    /// Waits until the signal is raised.
    pub(super) async fn raised(&self) {
        let raised = self.raised.notified();
        tokio::pin!(raised);
        // Register before checking the reason, so that no notification is missed.
        raised.as_mut().enable();
        if self.reason().is_none() {
            raised.await;
        }
    }
}
