//! Errors of the embedding API.

use std::io;
use std::path::PathBuf;

use crate::config::Listen;
use crate::engine::{self, SubmitError};
use crate::http::RouteFault;
use crate::operations::{InvalidParam, RegisterError};
use crate::store::OpenError;

/// Why a server did not start. Nothing runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The server would be reachable without authentication; see [`crate::config::Config::insecure_no_token`].
    #[error("{0}")]
    Exposed(String),
    /// The server was started outside of a tokio runtime.
    #[error("the server must be started inside a tokio runtime")]
    NoRuntime,
    /// The path of [`Builder::mount`](crate::Builder::mount) is invalid.
    #[error(
        "invalid path {0:?} for the API: expected a path like \"/jobs\", without a slash at its end, or \"\""
    )]
    Mount(String),
    /// An operation cannot be registered.
    #[error(transparent)]
    Operation(#[from] RegisterError),
    /// A configured route conflicts with another one or has no target.
    #[error(transparent)]
    Route(#[from] RouteFault),
    /// A root cannot be opened.
    #[error("the root {} cannot be used: {source}", path.display())]
    Root {
        /// The root's folder as configured.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The data folder is in use by another process, or unusable.
    #[error(transparent)]
    Data(OpenError),
    /// Interrupted jobs could not be recovered.
    #[error("recovery failed: {0}")]
    Recovery(String),
    /// The server cannot listen on an address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: Listen,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A listener passed to [`Builder::listener`](crate::Builder::listener) cannot be used.
    #[error("the listener cannot be used: {0}")]
    Listener(io::Error),
}

impl StartError {
    pub(super) fn listen((address, source): (Listen, io::Error)) -> Self {
        Self::Listen { address, source }
    }
}

impl From<engine::StartError> for StartError {
    fn from(error: engine::StartError) -> Self {
        match error {
            engine::StartError::Data(error) => Self::Data(error),
            engine::StartError::Recovery(error) => Self::Recovery(error.to_string()),
            engine::StartError::Root { path, source } => Self::Root { path, source },
        }
    }
}

/// Why a call about a job failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The operation is not registered.
    #[error("there is no operation named {0:?}")]
    UnknownOperation(String),
    /// The params or the options are invalid.
    #[error("the params are invalid: {}", join_params(.0))]
    Invalid(Vec<InvalidParam>),
    /// The queue is full. Holds the number of queued jobs.
    #[error("the queue is full: {0} jobs are waiting")]
    QueueFull(usize),
    /// The job does not exist, was deleted or has expired.
    #[error("there is no such job")]
    NotFound,
    /// The job has ended or is finalizing its result.
    #[error("the job has ended already")]
    AlreadyEnded,
    /// The job has not ended.
    #[error("the job has not ended")]
    NotEnded,
    /// Another submission has used the same idempotency key.
    #[error("another submission has used this idempotency key")]
    KeyTaken,
    /// The job has no result.
    #[error("the job has no result: {0}")]
    NoResult(String),
    /// The disk or the database quota is full.
    #[error("the disk is full")]
    StorageFull,
    /// The server is shut down or has failed.
    #[error("the server is stopped")]
    Stopped,
    /// Any other error of the database.
    #[error("{0}")]
    Store(String),
}

fn join_params(params: &[InvalidParam]) -> String {
    let all: Vec<_> = params
        .iter()
        .map(|param| format!("{}: {}", param.pointer, param.detail))
        .collect();
    all.join(" ")
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        match error {
            engine::Error::QueueFull(waiting) => Self::QueueFull(waiting),
            engine::Error::NotFound => Self::NotFound,
            engine::Error::NotEnded => Self::NotEnded,
            engine::Error::KeyTaken => Self::KeyTaken,
            engine::Error::Illegal(_) => Self::AlreadyEnded,
            engine::Error::StorageFull => Self::StorageFull,
            engine::Error::Stopped => Self::Stopped,
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::UnknownOperation(name) => Self::UnknownOperation(name),
            SubmitError::Invalid(params) => Self::Invalid(params),
            SubmitError::NoResult(reason) | SubmitError::NoResultYet(reason) => {
                Self::NoResult(reason)
            }
            SubmitError::Engine(error) => error.into(),
        }
    }
}
