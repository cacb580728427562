//! Throttles the publication of progress: soon after a change, but not more often than [`MIN_INTERVAL`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::operations::ProgressSink;

/// Minimum time between two publications of progress, which allows ten versions of a job per second.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Connects attempts that make progress with the task that publishes it.
#[derive(Default)]
pub(super) struct ProgressThrottle {
    /// Notified when there is new progress.
    changed: Notify,
    /// Notified when new progress should be published at once.
    flushed: Notify,
}

impl ProgressThrottle {
    /// The sink through which an attempt reports progress.
    pub(super) fn sink(self: &Arc<Self>) -> Box<dyn ProgressSink> {
        Box::new(Sink(Arc::clone(self)))
    }

    /// Waits until there is new progress.
    pub(super) async fn progress(&self) {
        self.changed.notified().await;
    }

    /// Waits until progress may be published again.
    pub(super) async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(MIN_INTERVAL) => {}
            () = self.flushed.notified() => {}
        }
    }
}

struct Sink(Arc<ProgressThrottle>);

impl ProgressSink for Sink {
    fn changed(&self) {
        self.0.changed.notify_one();
    }

    fn flushed(&self) {
        self.0.flushed.notify_one();
        self.0.changed.notify_one();
    }
}
