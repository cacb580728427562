//! The work that jobs do: the [`Operation`] trait, the registry of operations, and the built-in operations.
//!
//! An operation runs on a thread of its own, where it may block. It knows nothing of HTTP or of other jobs. Its
//! [`Context`] gives it the params, reports progress, signals cancelation and stores the result.

mod async_operation;
pub(crate) mod command;
mod context;
mod copy;
mod cores;
mod destination;
pub(crate) mod documents;
mod error;
mod fetch;
pub(crate) mod files;
mod intents;
mod log;
mod operation;
mod outbound_access;
pub(crate) mod params;
mod progress_meter;
mod registry;
mod report;
mod result;
mod shared_registry;
mod signal;
mod spec;
mod xml;
mod zip;

pub use crate::operations::async_operation::AsyncOperation;
pub(crate) use crate::operations::async_operation::Blocking;
pub(crate) use crate::operations::command::Command;
pub use crate::operations::command::SpecError;
pub use crate::operations::context::Context;
pub(crate) use crate::operations::context::ContextResources;
pub use crate::operations::cores::Cores;
pub use crate::operations::documents::document::Document;
pub(crate) use crate::operations::documents::document::{is_url, source_jobs};
pub use crate::operations::error::{InvalidParam, OperationError};
pub use crate::operations::log::Log;
pub(crate) use crate::operations::log::LogReader;
pub(crate) use crate::operations::outbound_access::{OutboundAccess, OutboundClients};
pub(crate) use crate::operations::params::canonical_numbers::{
    coerce, make_whole_numbers_integers,
};
pub(crate) use crate::operations::params::submit_options::check_options;
pub(crate) use crate::operations::params::write_only::remove as remove_write_only;
pub(crate) use crate::operations::progress_meter::ProgressSink;
pub use crate::operations::registry::RegisterError;
pub(crate) use crate::operations::registry::{Registry, check_name};
pub use crate::operations::result::{OperationOutput, ResultWriter};
pub(crate) use crate::operations::result::{
    check_output, discard_output, finalized_output, open_output,
};
pub(crate) use crate::operations::shared_registry::SharedRegistry;
pub(crate) use crate::operations::signal::{StopReason, StopSignal};
pub use crate::operations::spec::{Input, OperationSpec};
pub use crate::plan::Restart;
pub use operation::Operation;
pub(crate) use operation::RESERVED;
