//! The timeout of an attempt, and the event for an attempt that stopped on request.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::job::{Event, Failure};
use crate::operations::{StopReason, StopSignal};

/// Asks an attempt to stop when its timeout has passed, unless it is dropped before.
pub(super) struct Deadline(JoinHandle<()>);

impl Deadline {
    pub(super) fn start(runtime: &Handle, timeout: Duration, signal: &Arc<StopSignal>) -> Self {
        let signal = Arc::clone(signal);
        Self(runtime.spawn(async move {
            tokio::time::sleep(timeout).await;
            signal.raise(StopReason::TimedOut);
        }))
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The event for a job whose attempt stopped on request.
pub(super) fn event_of_stopped(reason: Option<StopReason>, timeout: Option<Duration>) -> Event {
    match reason {
        Some(StopReason::Draining) => Event::Drained,
        Some(StopReason::TimedOut) => {
            let timeout = humantime::format_duration(timeout.unwrap_or_default());
            let message = format!("The attempt took longer than its timeout of {timeout}.");
            Event::Fail(Failure::new("timed_out", message))
        }
        Some(StopReason::Canceled) | None => Event::AttemptCanceled,
    }
}
