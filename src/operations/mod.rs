//! What a job can do: the [`Operation`] trait, the registry of operations, and the built-in ones.
//!
//! An operation blocks on a thread of its own and knows nothing of HTTP, tickets or other jobs. It is handed a
//! [`Context`] to read its params, report progress, notice a cancel and stream its result.

pub(crate) mod command;
mod context;
mod copy;
mod cores;
mod destination;
pub(crate) mod documents;
mod fetch;
pub(crate) mod files;
mod log;
pub(crate) mod params;
mod registry;
mod report;
mod result;
mod signal;
mod spec;
mod xml;
mod zip;

use std::io;

use serde_json::Value;

use crate::job::Failure;
pub(crate) use crate::operations::command::Command;
pub use crate::operations::command::SpecError;
pub use crate::operations::context::Context;
pub(crate) use crate::operations::context::{ContextResources, ProgressSink};
pub use crate::operations::cores::Cores;
pub use crate::operations::documents::document::Document;
pub(crate) use crate::operations::documents::document::{is_url, source_jobs};
pub(crate) use crate::operations::documents::outbound_check::{OutboundAccess, WaysOut};
pub use crate::operations::log::Log;
pub(crate) use crate::operations::log::LogReader;
pub(crate) use crate::operations::params::canonical_numbers::{
    coerce, make_whole_numbers_integers,
};
pub(crate) use crate::operations::params::submit_options::check_options;
pub use crate::operations::registry::RegisterError;
pub(crate) use crate::operations::registry::{Registry, check_name};
pub use crate::operations::result::{OperationOutput, ResultWriter};
pub(crate) use crate::operations::result::{
    check_output, discard_output, finalized_output, open_output,
};
pub(crate) use crate::operations::signal::{StopReason, StopSignal};
pub use crate::operations::spec::{Input, OperationSpec};
pub use crate::plan::Restart;
use crate::roots::Roots;

/// The query parameters that every submission may have; no operation's own params may be called so.
pub(crate) const RESERVED: [&str; 4] = ["callback", "callback-method", "output", "keep"];

/// One thing that is wrong with the params of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidParam {
    /// Where: a JSON Pointer as a URI fragment (RFC 6901, section 6), `#/width`.
    pub pointer: String,
    /// What.
    pub detail: String,
}

/// Why an attempt made no result.
#[derive(Debug)]
pub enum OperationError {
    /// It was asked to stop.
    Canceled,
    /// It could not do it.
    Failed(Failure),
}

impl From<Failure> for OperationError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A stop on its way through code that knows of I/O errors alone.
#[derive(Debug, thiserror::Error)]
#[error("{}", match .0 { OperationError::Canceled => "canceled", OperationError::Failed(failure) => &failure.message })]
struct OperationErrorInIo(OperationError);

impl From<OperationError> for io::Error {
    fn from(stop: OperationError) -> Self {
        Self::other(OperationErrorInIo(stop))
    }
}

impl From<io::Error> for OperationError {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<OperationErrorInIo>() {
            Ok(stopped) => return stopped.0,
            Err(error) => error,
        };
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage_full",
            io::ErrorKind::FileTooLarge => "result_too_large",
            _ => "io_error",
        };
        Self::Failed(Failure::new(code, error.to_string()))
    }
}

/// Slow work of one kind.
pub trait Operation: Send + Sync + 'static {
    /// Its name, params and habits. Asked once, when it is registered.
    fn spec(&self) -> OperationSpec;

    /// Finds what is wrong with params that fit the schema, without starting or waiting for anything.
    ///
    /// # Errors
    /// Every fault that can be seen now; the submission is refused with them.
    fn check(&self, _params: &Value, _roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        Ok(())
    }

    /// Does the work, on a thread that may block. A panic fails this job alone.
    ///
    /// # Errors
    /// [`Stop::Canceled`] soon after the context says so, else why there is no result.
    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError>;

    /// The result of work that an attempt had done outside the database, all but for recording it, when the server died.
    /// None if it was not done: then another attempt runs, or what is left of this one is [abandoned](Self::abandon).
    ///
    /// # Errors
    /// Why there is no result although the work is done.
    fn recover(&self, _context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        Ok(None)
    }

    /// Removes what earlier attempts left outside the database for one that will not come: the job was canceled while
    /// it waited for it, or the server died too often. The job ends afterwards; what could not be removed is logged.
    ///
    /// # Errors
    /// What was in the way.
    fn abandon(&self, _context: &Context) -> Result<(), OperationError> {
        Ok(())
    }
}
