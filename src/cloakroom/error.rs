//! What does not work, in the words of this floor.

use std::io;
use std::path::PathBuf;

use crate::config::Listen;
use crate::engine::{self, SubmitError};
use crate::http::RouteFault;
use crate::operations::{InvalidParam, RegisterError};
use crate::store::{self, OpenError};

/// Why a cloakroom did not start. Nothing runs then.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It could be reached by those who must not; see [`crate::config::Config::insecure_no_token`].
    #[error("{0}")]
    Exposed(String),
    /// An operation cannot be offered.
    #[error(transparent)]
    Operation(#[from] RegisterError),
    /// An address of the operator's own clashes with another, or is of nothing.
    #[error(transparent)]
    Route(#[from] RouteFault),
    /// A root is not there.
    #[error("the root {} cannot be used: {source}", path.display())]
    Root {
        /// As it was given.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// The data is in use or unusable.
    #[error(transparent)]
    Data(OpenError),
    /// What was interrupted could not be put in order.
    #[error("recovery failed: {0}")]
    Recovery(String),
    /// Somebody else listens there, or nobody may.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: Listen,
        /// The system's word.
        source: io::Error,
    },
    /// A listener that was open already is of no use.
    #[error("the listener cannot be used: {0}")]
    Listener(io::Error),
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

/// Why something was not done with a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such operation.
    #[error("there is no operation named {0:?}")]
    UnknownOperation(String),
    /// The params do not fit.
    #[error("the params are not valid: {}", faults(.0))]
    Invalid(Vec<InvalidParam>),
    /// As many jobs wait as may.
    #[error("{0} jobs are waiting already")]
    QueueFull(usize),
    /// The job is not there, or not any more.
    #[error("there is no such job")]
    NotFound,
    /// The job has ended already.
    #[error("the job has ended already")]
    AlreadyEnded,
    /// The job has no result.
    #[error("there is no result: {0}")]
    NoResult(String),
    /// No room on the disk.
    #[error("the disk is full")]
    StorageFull,
    /// It is shut down, or failed.
    #[error("the cloakroom is closed")]
    Stopped,
    /// Something else is wrong with the data.
    #[error("{0}")]
    Store(String),
}

fn faults(faults: &[InvalidParam]) -> String {
    let all: Vec<_> = faults
        .iter()
        .map(|fault| format!("{}: {}", fault.pointer, fault.detail))
        .collect();
    all.join(" ")
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::QueueFull(waiting) => Self::QueueFull(waiting),
            store::Error::NotFound => Self::NotFound,
            store::Error::Illegal(_) => Self::AlreadyEnded,
            store::Error::StorageFull => Self::StorageFull,
            store::Error::Stopped => Self::Stopped,
            other => Self::Store(other.to_string()),
        }
    }
}

impl From<SubmitError> for Error {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::UnknownOperation(name) => Self::UnknownOperation(name),
            SubmitError::Invalid(faults) => Self::Invalid(faults),
            SubmitError::NoResult(reason) | SubmitError::NoResultYet(reason) => {
                Self::NoResult(reason)
            }
            SubmitError::Store(error) => error.into(),
        }
    }
}
