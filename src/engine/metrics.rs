//! Job metrics: counters and duration histograms by operation, and the outcomes of callbacks.
//!
//! Only registered operations have metrics, so the number of series is bounded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;

use crate::job::Status;
use crate::metrics::{Counter, Gauge, Histogram};

/// The upper bounds of histogram buckets in microseconds, from 10 ms to 12 hours.
const BUCKETS_US: &[u64] = &[
    10_000,
    50_000,
    250_000,
    1_000_000,
    5_000_000,
    15_000_000,
    60_000_000,
    300_000_000,
    900_000_000,
    3_600_000_000,
    14_400_000_000,
    43_200_000_000,
];

/// The metrics of one engine since its start.
#[derive(Debug)]
pub(crate) struct JobMetrics {
    /// The metrics of each registered operation, by name.
    operations: RwLock<BTreeMap<Arc<str>, Arc<OperationMetrics>>>,
    /// The number of jobs deleted because their idle timeout had passed.
    pub expired: Counter,
    /// The outcomes of attempts at callbacks.
    pub callbacks: CallbackMetrics,
    /// The number of results that are being downloaded.
    pub downloads: Arc<Gauge>,
}

/// The metrics of one operation's jobs.
#[derive(Debug)]
pub(crate) struct OperationMetrics {
    /// The number of submitted jobs.
    pub submitted: Counter,
    /// The number of jobs that succeeded.
    pub succeeded: Counter,
    /// The number of jobs that failed.
    pub failed: Counter,
    /// The number of jobs that were canceled.
    pub canceled: Counter,
    /// The number of jobs that were deleted before they had ended.
    pub deleted: Counter,
    /// The times from submission, or from the start of the server, to the first attempt.
    pub waited: Histogram,
    /// The durations of attempts that ended their jobs.
    pub worked: Histogram,
}

/// The outcomes of attempts at callbacks.
#[derive(Debug, Default)]
pub(crate) struct CallbackMetrics {
    /// The number of attempts that the receiver accepted.
    pub delivered: Counter,
    /// The number of failed attempts that will be retried.
    pub postponed: Counter,
    /// The number of failed attempts after which the callback was given up.
    pub failed: Counter,
}

/// The number of jobs of one operation that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ActiveJobs {
    /// The number of queued jobs.
    pub queued: u64,
    /// The number of running jobs.
    pub running: u64,
}

impl JobMetrics {
    /// Creates metrics for the named operations, all zero.
    pub(super) fn new<'a>(operations: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let metrics = Self {
            operations: RwLock::default(),
            expired: Counter::default(),
            callbacks: CallbackMetrics::default(),
            downloads: Arc::default(),
        };
        metrics.add(operations);
        metrics
    }

    /// Adds metrics for those of the named operations that have none. Operations that are no longer registered keep theirs.
    pub(super) fn add<'a>(&self, operations: impl Iterator<Item = &'a Arc<str>>) {
        let mut known = self.operations.write();
        for name in operations {
            known.entry(Arc::clone(name)).or_default();
        }
    }

    /// The metrics of each operation, by name.
    pub(crate) fn operations(&self) -> BTreeMap<Arc<str>, Arc<OperationMetrics>> {
        self.operations.read().clone()
    }

    /// Counts a submitted job.
    pub(super) fn submitted(&self, operation: &str) {
        self.of(operation, |of| of.submitted.count());
    }

    /// Records the waiting time of a job whose first attempt has begun.
    pub(super) fn begun(&self, operation: &str, waited: Duration) {
        self.of(operation, |of| of.waited.observe_time(waited));
    }

    /// Counts a job that has ended with this status.
    pub(super) fn ended(&self, operation: &str, status: Status) {
        self.of(operation, |of| match status {
            Status::Succeeded => of.succeeded.count(),
            Status::Failed => of.failed.count(),
            Status::Canceled => of.canceled.count(),
            Status::Queued | Status::Running => {}
        });
    }

    /// Counts a job that was deleted before it had ended.
    pub(super) fn deleted(&self, operation: &str) {
        self.of(operation, |of| of.deleted.count());
    }

    /// Records the duration of an attempt that ended its job.
    pub(super) fn worked(&self, operation: &str, time: Duration) {
        self.of(operation, |of| of.worked.observe_time(time));
    }

    fn of(&self, operation: &str, count: impl FnOnce(&OperationMetrics)) {
        if let Some(of) = self.operations.read().get(operation) {
            count(of);
        }
    }
}

impl Default for OperationMetrics {
    fn default() -> Self {
        Self {
            submitted: Counter::default(),
            succeeded: Counter::default(),
            failed: Counter::default(),
            canceled: Counter::default(),
            deleted: Counter::default(),
            waited: Histogram::new(BUCKETS_US),
            worked: Histogram::new(BUCKETS_US),
        }
    }
}
