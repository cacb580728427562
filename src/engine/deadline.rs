//! How long an attempt may take, and what becomes of one that was asked to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::job::{Event, Failure};
use crate::operations::{StopReason, StopSignal};

/// Asks an attempt to stop when its time is up. Dropped before, it does nothing.
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

/// What becomes of a job whose attempt stopped as it was asked to.
pub(super) fn stopped(reason: Option<StopReason>, timeout: Option<Duration>) -> Event {
    match reason {
        Some(StopReason::Draining) => Event::Drained,
        Some(StopReason::TimedOut) => {
            let timeout = humantime::format_duration(timeout.unwrap_or_default());
            let message = format!("It took longer than the {timeout} that it may take.");
            Event::Fail(Failure::new("timed_out", message))
        }
        Some(StopReason::Canceled) | None => Event::AttemptCanceled,
    }
}
