//! What goes into the engine and what comes out of it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::cached_job::CachedJob;
use crate::job::{Job, JobOptions, Seq, Version};
use crate::operations::InvalidParam;
use crate::store::{self, IdempotencyKey, OpenError, Uploads};

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data is in use or unusable.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// Recovery could not write.
    #[error("recovery failed: {0}")]
    Recovery(#[from] store::Error),
    /// A root is not there.
    #[error("the root {} cannot be used: {source}", path.display())]
    Root {
        /// As the operator wrote it.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

/// Why a submission is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// There is no such operation.
    #[error("there is no operation named {0:?}")]
    UnknownOperation(String),
    /// The params do not fit.
    #[error("the params are not valid")]
    Invalid(Vec<InvalidParam>),
    /// A document is the result of a job that has none.
    #[error("{0}")]
    NoResult(String),
    /// A document is the result of a job that has not ended.
    #[error("{0}")]
    NoResultYet(String),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// What is asked of an operation.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The name of the token that asks.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: String,
    /// Its params, a JSON object.
    pub params: Value,
    /// What was sent along.
    pub uploads: Option<Uploads>,
    /// What it wants besides the work.
    pub options: JobOptions,
    /// What the client calls it.
    pub key: Option<IdempotencyKey>,
}

/// A job at one moment, and its place in memory if it has one.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The job.
    pub job: Arc<Job>,
    /// Where its rendered form is kept.
    pub live: Option<Arc<CachedJob>>,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The jobs, newest first.
    pub jobs: Vec<View>,
    /// Where the next page begins, if there is one.
    pub next: Option<Seq>,
}

/// What a waiting reader has seen already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// Wait for the end.
    Terminal,
    /// Wait for a version other than this one.
    ChangeFrom(Version),
}
