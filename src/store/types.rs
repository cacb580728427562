//! Arguments and results of the store's methods.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::WholeBlob;
use crate::job::{IdleMs, Job, JobId, JobOptions, Progress, Seq, Status, Version};

/// The writer's settings for an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationLimits {
    /// Maximum number of running jobs; at least 1.
    pub concurrency: usize,
    /// How long ended jobs are kept without being used, in milliseconds.
    pub idle_timeout_ms: i64,
}

/// Settings of a store.
#[derive(Debug, Clone)]
pub(crate) struct StoreOptions {
    /// Maximum number of queued jobs.
    pub queue: usize,
    /// Disk space to keep free, in bytes; `None` for a twentieth of the file system, at most 1 GiB.
    pub free_disk_bytes: Option<u64>,
    /// Maximum size of the database's content, in bytes; `None` for no limit.
    pub database_bytes: Option<u64>,
    /// Limits by operation name. Jobs of other operations are never claimed.
    pub operations: HashMap<Arc<str>, OperationLimits>,
    /// How long ended jobs of other operations are kept without being used, in milliseconds.
    pub default_idle_timeout_ms: i64,
    /// The state of the token file.
    pub tokens: TokensAtStart,
}

/// The state of the token file when the store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokensAtStart {
    /// There is no file at this path: an error if an earlier start found one.
    Absent(PathBuf),
    /// The file turns tokens off.
    Off,
    /// Requests need a token. The store remembers this, to detect that the file is lost.
    Required,
    /// Tokens do not matter: nothing is checked or remembered.
    Ignored,
}

/// A change made by a commit. Reported in commit order, before the commands are answered.
#[derive(Debug, Clone)]
pub(crate) enum Committed {
    /// A job was created or changed.
    Saved {
        /// The job now.
        job: Arc<Job>,
        /// The previous status; `None` for a new job.
        was: Option<Status>,
    },
    /// A job was claimed and has to be run.
    Claimed {
        /// The job now.
        job: Arc<Job>,
        /// The previous status; `None` for a new job.
        was: Option<Status>,
    },
    /// A job was deleted.
    Forgotten {
        /// Sequence number.
        seq: Seq,
        /// Public identifier.
        id: JobId,
        /// The observer has already reported the deletion, when the delete request was committed.
        delete_was_requested: bool,
        /// Name of the token that the job belonged to.
        token: Option<Arc<str>>,
        /// The operation, if the job had not ended.
        unended: Option<Arc<str>>,
    },
}

impl Committed {
    /// The change that resulted in `job`: a claim if it starts to run.
    pub(super) fn saved(job: Arc<Job>, was: Option<Status>) -> Self {
        if job.status() == Status::Running && was != Some(Status::Running) {
            Self::Claimed { job, was }
        } else {
            Self::Saved { job, was }
        }
    }
}

/// Keeps a view of the active jobs. Called on the writer's thread: must not block.
pub(crate) trait CommitObserver: Send + Sync + 'static {
    /// A transaction is on disk.
    fn committed(&self, change: Committed);
    /// Up to `most` uses of jobs to store together with the idle clock.
    fn uses(&self, most: usize) -> Uses;
    /// These uses are on disk.
    fn stored_uses(&self, uses: &[(Seq, IdleMs)]);
    /// The writer stops permanently, because the state of the database is unknown.
    fn fatal(&self, reason: &str);
}

/// New due times of ended jobs that were used.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// The jobs and their due times, in order of submission.
    pub due: Vec<(Seq, IdleMs)>,
    /// Whether there are more uses to store.
    pub has_more: bool,
}

/// A submission to store.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    /// Name of the token that submits the job.
    pub token: Option<Arc<str>>,
    /// Name of the operation.
    pub operation: Arc<str>,
    /// Parameters, a JSON object.
    pub params: Arc<str>,
    /// Uploaded blobs; the commit that stores the job makes it their owner.
    pub uploads: Vec<WholeBlob>,
    /// Options of the submission.
    pub options: Arc<JobOptions>,
    /// Idempotency key.
    pub key: Option<IdempotencyKey>,
    /// The job whose uploads move to the new job.
    pub retry_of: Option<Seq>,
}

/// A client's key for a submission: a repeated submission with the same key creates no second job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    /// Name of the client's token.
    pub token: Option<Arc<str>>,
    /// The key.
    pub name: String,
    /// Digest of the submission, to detect a different one with the same key.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    pub(super) fn token_or_none(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }
}

/// The attempt that records an event.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Number of the attempt.
    pub number: u32,
    /// Final progress.
    pub progress: Progress,
    /// The latest version that readers have seen; the recorded version is higher.
    pub version: Version,
    /// The result, if any; becomes the job's in the same transaction.
    pub result: Option<WholeBlob>,
    /// The log, if any; becomes the job's in the same transaction.
    pub log: Option<WholeBlob>,
}

/// The state that a start found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// All jobs that had not ended, in order of submission.
    pub active: Vec<Arc<Job>>,
    /// The number of this start, from 1.
    pub boot: u32,
    /// Whether the last run ended in order.
    pub in_order: bool,
    /// The key for monitor links.
    pub monitor_key: Vec<u8>,
}

/// The sweeper's decisions on jobs that are due.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sweep {
    /// Jobs to delete with their results.
    pub expired: Vec<Seq>,
    /// Jobs with a later due time.
    pub rearmed: Vec<(Seq, IdleMs)>,
    /// Store the idle clock in the same transaction.
    pub stores_clock: bool,
}

impl Sweep {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.expired.is_empty() && self.rearmed.is_empty() && !self.stores_clock
    }
}

/// Selects the jobs of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// The statuses to include; empty for all.
    pub statuses: Vec<Status>,
    /// The operation to include; `None` for all.
    pub operation: Option<String>,
    /// Only jobs submitted before this one.
    pub before: Option<Seq>,
    /// The lowest and the highest identifier to include; `None` for all.
    pub ids: Option<(JobId, JobId)>,
    /// The owner of the jobs.
    pub owner: Owner,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// Whether more jobs match after the last one.
    pub has_more: bool,
}

/// The owner of the jobs of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Owner {
    /// All jobs.
    #[default]
    Any,
    /// Jobs submitted without a token.
    Without,
    /// Jobs of the token with this name.
    Token(Arc<str>),
}

/// An ended job whose stored due time has passed.
#[derive(Debug, Clone)]
pub(crate) struct DueJob {
    /// Sequence number.
    pub seq: Seq,
    /// Name of the operation.
    pub operation: String,
    /// The stored due time.
    pub since: IdleMs,
}
