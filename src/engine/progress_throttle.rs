//! When progress is shown: soon after there is some, and not more often than anybody can follow.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::operations::ProgressSink;

/// Between two looks at the progress of running attempts: at most ten versions of a job a second.
const PERIOD: Duration = Duration::from_millis(100);

/// Attempts tell it that they have progress; the task that shows it waits here.
#[derive(Default)]
pub(super) struct ProgressThrottle {
    /// There is some.
    changed: Notify,
    /// Some that does not wait.
    turned: Notify,
}

impl ProgressThrottle {
    /// What an attempt tells of its progress.
    pub(super) fn sink(self: &Arc<Self>) -> Box<dyn ProgressSink> {
        Box::new(Sink(Arc::clone(self)))
    }

    /// Waits until there is progress.
    pub(super) async fn progress(&self) {
        self.changed.notified().await;
    }

    /// Waits until more may be shown.
    pub(super) async fn pause(&self) {
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = self.turned.notified() => {}
        }
    }
}

struct Sink(Arc<ProgressThrottle>);

impl ProgressSink for Sink {
    fn changed(&self) {
        self.0.changed.notify_one();
    }

    fn flushed(&self) {
        self.0.turned.notify_one();
        self.0.changed.notify_one();
    }
}
