//! What a job can do: the [`Operation`] trait, the registry of operations, and the built-in ones.
//!
//! An operation blocks on a thread of its own and knows nothing of HTTP, tickets or other jobs. It is handed a
//! [`Context`] to read its params, report progress, notice a cancel and stream its result.

use serde_json::Value;

use crate::operations::context::Context;
use crate::operations::error::{InvalidParam, OperationError};
use crate::operations::result::OperationOutput;
use crate::operations::spec::OperationSpec;
use crate::roots::Roots;

/// The query parameters that every submission may have; no operation's own params may be called so.
pub(crate) const RESERVED: [&str; 4] = ["callback", "callback-method", "output", "keep"];

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
    /// [`OperationError::Canceled`] soon after the context says so, else why there is no result.
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
