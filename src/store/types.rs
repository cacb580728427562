//! What goes into the store and comes out of it, besides jobs and blobs.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::WholeBlob;
use crate::job::{IdleMs, Job, JobId, JobOptions, Progress, Seq, Status, Version};

/// What the writer must know about an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationLimits {
    /// How many of its jobs may run at once; at least 1.
    pub concurrency: usize,
    /// How long its ended jobs stay untouched before they are forgotten, in milliseconds.
    pub idle_timeout_ms: i64,
}

/// How to open a store.
#[derive(Debug, Clone)]
pub(crate) struct StoreOptions {
    /// How many jobs may wait.
    pub queue: usize,
    /// Bytes that stay free on the disk; none for a twentieth of it and at most 1 GiB.
    pub free_disk_bytes: Option<u64>,
    /// Bytes that the database may fill; none for as many as the disk has.
    pub database_bytes: Option<u64>,
    /// By operation name. A job of an operation that is not here is never claimed.
    pub operations: HashMap<Arc<str>, OperationLimits>,
    /// How long ended jobs of operations that are not here stay without use, in milliseconds.
    pub default_idle_timeout_ms: i64,
    /// What the token file says.
    pub tokens: TokensAtStart,
}

/// What the token file says when the store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TokensAtStart {
    /// There is no file at this path: fine unless an earlier start found one.
    Absent(PathBuf),
    /// Tokens were turned off.
    Off,
    /// Requests need a token; remembered, so that the file is missed when it is lost.
    Required,
    /// The file is of no concern: nothing is remembered or forgotten.
    Ignored,
}

/// What a commit changed. Given in commit order, before any answer to those who asked for it.
#[derive(Debug, Clone)]
pub(crate) enum Committed {
    /// A job is another than before.
    Saved {
        /// What it is now.
        job: Arc<Job>,
        /// What it was; none if it is new.
        was: Option<Status>,
    },
    /// A job was claimed: run it.
    Claimed {
        /// What it is now.
        job: Arc<Job>,
        /// What it was; none if it is new.
        was: Option<Status>,
    },
    /// A job is gone.
    Forgotten {
        /// Which.
        seq: Seq,
        /// Its public name.
        id: JobId,
        /// Readers were told already, when it was delete_requested.
        delete_was_requested: bool,
        /// The name of the token that it belonged to.
        token: Option<Arc<str>>,
        /// Its operation, if it had not ended.
        unended: Option<Arc<str>>,
    },
}

impl Committed {
    /// A job has become what it is: whatever begins to run was claimed.
    pub(super) fn saved(job: Arc<Job>, was: Option<Status>) -> Self {
        if job.status() == Status::Running && was != Some(Status::Running) {
            Self::Claimed { job, was }
        } else {
            Self::Saved { job, was }
        }
    }
}

/// Whoever keeps a view of the jobs that are alive. Called on the writer's thread: must not block.
pub(crate) trait CommitObserver: Send + Sync + 'static {
    /// A transaction is on disk.
    fn committed(&self, change: Committed);
    /// The uses of jobs that should be stored along with the idle clock, up to `most`.
    fn uses(&self, most: usize) -> Uses;
    /// Those are on disk.
    fn stored_uses(&self, uses: &[(Seq, IdleMs)]);
    /// The writer stops for good, because of a failure that it cannot judge the extent of.
    fn fatal(&self, reason: &str);
}

/// When ended jobs are due because they were used.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    /// Each job, in order of submission.
    pub due: Vec<(Seq, IdleMs)>,
    /// Whether there are more of them.
    pub has_more: bool,
}

/// A submission on its way into the store.
#[derive(Debug, Clone)]
pub(crate) struct NewJob {
    /// The name of the token that submits it.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: Arc<str>,
    /// A JSON object.
    pub params: Arc<str>,
    /// What was sent along; becomes the job's in the same commit, or nobody's.
    pub uploads: Vec<WholeBlob>,
    /// What it wants besides the work; if anything.
    pub options: Arc<JobOptions>,
    /// What the client calls the submission.
    pub key: Option<IdempotencyKey>,
    /// The job whose uploads it takes over.
    pub retry_of: Option<Seq>,
}

/// A client's own name for a submission: the same one again makes no second job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey {
    /// Whose.
    pub token: Option<Arc<str>>,
    /// The name.
    pub name: String,
    /// A digest of what is submitted under it.
    pub fingerprint: [u8; 32],
}

impl IdempotencyKey {
    pub(super) fn token_or_none(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }
}

/// The attempt on whose behalf an event is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Its number.
    pub number: u32,
    /// How far it came.
    pub progress: Progress,
    /// The version that readers have seen last; what is recorded gets a later one.
    pub version: Version,
    /// The result, if it made one; becomes the job's in the same transaction.
    pub result: Option<WholeBlob>,
    /// What it wrote, if anything; becomes the job's too.
    pub log: Option<WholeBlob>,
}

/// What one start-up found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Every job that had not ended, in order of submission.
    pub active: Vec<Arc<Job>>,
    /// The life of the server that begins now, from 1.
    pub boot: u32,
    /// Whether the last life ended in order.
    pub in_order: bool,
    /// The key that monitor links are made with.
    pub monitor_key: Vec<u8>,
}

/// What the sweeper found out about jobs that were due.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sweep {
    /// They go, results and all.
    pub expired: Vec<Seq>,
    /// They are not due before this.
    pub rearmed: Vec<(Seq, IdleMs)>,
    /// The idle clock is stored with it, however recently it was.
    pub stores_clock: bool,
}

impl Sweep {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        self.expired.is_empty() && self.rearmed.is_empty() && !self.stores_clock
    }
}

/// Which jobs a list is of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    /// In one of these states; in any if there are none.
    pub statuses: Vec<Status>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Submitted before this one.
    pub before: Option<Seq>,
    /// Of this owner.
    pub owner: Owner,
}

/// A part of a list.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    /// The jobs, newest first.
    pub jobs: Vec<Job>,
    /// Whether more of them fit after the last.
    pub has_more: bool,
}

/// Whose jobs a list is of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Owner {
    /// All of them.
    #[default]
    Any,
    /// Those that were submitted without a token.
    Without,
    /// Those of the token with this name.
    Token(Arc<str>),
}

/// An ended job that is due by what its row says.
#[derive(Debug, Clone)]
pub(crate) struct DueJob {
    /// Which.
    pub seq: Seq,
    /// Of which operation.
    pub operation: String,
    /// Since when.
    pub since: IdleMs,
}
