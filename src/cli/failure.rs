//! Failures of commands and their exit codes.

use std::fmt::Display;

use crate::cloakroom::StartError;

/// Exit code: the job or the command failed.
pub(in crate::cli) const EXIT_FAILED: u8 = 1;
/// Exit code: the arguments or the configuration are wrong.
pub(in crate::cli) const EXIT_USAGE: u8 = 2;
/// Exit code: the data folder is in use or unusable.
pub(in crate::cli) const EXIT_DATA: u8 = 3;
/// Exit code: the server cannot listen on an address.
pub(in crate::cli) const EXIT_LISTEN: u8 = 4;

/// Why a command failed, and its exit code.
#[derive(Debug)]
pub(in crate::cli) struct Failure {
    pub(in crate::cli) code: u8,
    pub(in crate::cli) message: String,
}

impl Failure {
    pub(in crate::cli) fn new(code: u8, message: impl Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }

    /// A command whose reader closed standard output: it ends early, without a message and with exit code 0.
    pub(in crate::cli) fn quiet() -> Self {
        Self {
            code: 0,
            message: String::new(),
        }
    }

    pub(in crate::cli) fn is_quiet(&self) -> bool {
        self.message.is_empty()
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = match error {
            StartError::Exposed(_)
            | StartError::Mount(_)
            | StartError::Operation(_)
            | StartError::Route(_)
            | StartError::Root { .. } => EXIT_USAGE,
            StartError::Data(_) | StartError::Recovery(_) => EXIT_DATA,
            StartError::NoRuntime => EXIT_FAILED,
            StartError::Listen { .. } | StartError::Listener(_) => EXIT_LISTEN,
        };
        Self::new(code, error)
    }
}
