//! What is counted of jobs: by operation how many were submitted, how they ended, how long they waited and worked; and
//! what came of telling of their ends. Operations that are not on offer are left out, so that there are as many numbers
//! as operations.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::job::Status;
use crate::metrics::{Counter, Gauge, Histogram};

/// From a glance at a file to half a day, in microseconds.
const TIMES: &[u64] = &[
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

/// The numbers of one engine, since it was started.
#[derive(Debug)]
pub(crate) struct JobMetrics {
    /// By operation.
    pub operations: BTreeMap<Arc<str>, OperationMetrics>,
    /// Jobs that went because nobody used them.
    pub expired: Counter,
    /// Attempts to tell of an end.
    pub callbacks: CallbackMetrics,
    /// Results that are being read.
    pub downloads: Arc<Gauge>,
}

/// The numbers of one operation's jobs.
#[derive(Debug)]
pub(crate) struct OperationMetrics {
    /// That were taken on.
    pub submitted: Counter,
    /// That have ended, by how.
    pub succeeded: Counter,
    /// See `succeeded`.
    pub failed: Counter,
    /// See `succeeded`.
    pub canceled: Counter,
    /// That were deleted before they had ended.
    pub deleted: Counter,
    /// From the submission, or the start of the server, to the first attempt.
    pub waited: Histogram,
    /// Of the attempts that ended jobs.
    pub worked: Histogram,
}

/// What came of attempts to tell of an end.
#[derive(Debug, Default)]
pub(crate) struct CallbackMetrics {
    /// It was taken.
    pub delivered: Counter,
    /// It was not, and will be tried again.
    pub postponed: Counter,
    /// It never will be.
    pub failed: Counter,
}

/// Jobs of one operation that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ActiveJobs {
    /// That wait.
    pub queued: u64,
    /// That run.
    pub running: u64,
}

impl JobMetrics {
    /// All zero.
    pub(super) fn new<'a>(operations: impl Iterator<Item = &'a Arc<str>>) -> Self {
        let operations = operations.map(|name| (Arc::clone(name), OperationMetrics::default()));
        Self {
            operations: operations.collect(),
            expired: Counter::default(),
            callbacks: CallbackMetrics::default(),
            downloads: Arc::default(),
        }
    }

    /// A job was taken on.
    pub(super) fn submitted(&self, operation: &str) {
        self.of(operation, |of| of.submitted.count());
    }

    /// A job has begun for the first time.
    pub(super) fn begun(&self, operation: &str, waited: Duration) {
        self.of(operation, |of| of.waited.observe_time(waited));
    }

    /// A job has ended.
    pub(super) fn ended(&self, operation: &str, status: Status) {
        self.of(operation, |of| match status {
            Status::Succeeded => of.succeeded.count(),
            Status::Failed => of.failed.count(),
            Status::Canceled => of.canceled.count(),
            Status::Queued | Status::Running => {}
        });
    }

    /// A job went before it had ended.
    pub(super) fn deleted(&self, operation: &str) {
        self.of(operation, |of| of.deleted.count());
    }

    /// An attempt has ended a job.
    pub(super) fn worked(&self, operation: &str, time: Duration) {
        self.of(operation, |of| of.worked.observe_time(time));
    }

    fn of(&self, operation: &str, count: impl FnOnce(&OperationMetrics)) {
        if let Some(of) = self.operations.get(operation) {
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
            waited: Histogram::new(TIMES),
            worked: Histogram::new(TIMES),
        }
    }
}
