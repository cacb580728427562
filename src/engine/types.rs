//! Inputs, outputs and errors of the engine.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use crate::engine::cached_job::CachedJob;
use crate::engine::error::Error;
use crate::job::{Job, JobOptions, Seq, Version};
use crate::operations::InvalidParam;
use crate::store::{self, IdempotencyKey, OpenError, Uploads};

/// Why the engine did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The data folder is in use by another process, or unusable.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The database could not be read or written during recovery.
    #[error("recovery failed: {0}")]
    Recovery(#[from] store::Error),
    /// A root cannot be opened.
    #[error("the root {} cannot be used: {source}", path.display())]
    Root {
        /// The root's folder as configured.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// Why a submission was rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SubmitError {
    /// The operation is not registered.
    #[error("there is no operation named {0:?}")]
    UnknownOperation(String),
    /// The params or the options are invalid.
    #[error("the params are invalid")]
    Invalid(Vec<InvalidParam>),
    /// An input is the result of a job that ended without one.
    #[error("{0}")]
    NoResult(String),
    /// An input is the result of a job that has not ended.
    #[error("{0}")]
    NoResultYet(String),
    /// The submission failed for another reason.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<store::Error> for SubmitError {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// A request to run an operation.
#[derive(Debug)]
pub(crate) struct Submission {
    /// The name of the client's token.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: String,
    /// The operation's params, a JSON object.
    pub params: Value,
    /// Documents uploaded with the request.
    pub uploads: Option<Uploads>,
    /// Options besides the params.
    pub options: JobOptions,
    /// The client's idempotency key.
    pub key: Option<IdempotencyKey>,
}

/// A job at one moment, and its cache entry if it is in memory.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The job.
    pub job: Arc<Job>,
    /// The cache entry, which also holds the job's rendered form.
    pub cached: Option<Arc<CachedJob>>,
}

/// A page of a list.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The jobs, newest first.
    pub jobs: Vec<View>,
    /// The job after which the next page begins, if there is a next page.
    pub next: Option<Seq>,
}

/// The change that a wait ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitFor {
    /// The job has ended.
    Terminal,
    /// The job has another version than this one, or has ended.
    ChangeFrom(Version),
}
