//! The [`Operation`] trait.

use serde_json::Value;

use crate::operations::context::Context;
use crate::operations::error::{InvalidParam, OperationError};
use crate::operations::result::OperationOutput;
use crate::operations::spec::OperationSpec;
use crate::roots::Roots;

/// The query parameters of every submission. An operation's params cannot have these names.
pub(crate) const RESERVED: [&str; 4] = ["callback", "callback-method", "output", "keep"];

/// One kind of work that jobs do. Implement this trait to offer an operation of your own.
pub trait Operation: Send + Sync + 'static {
    /// Returns the name, params and settings of the operation. Called once, when it is registered.
    fn spec(&self) -> OperationSpec;

    /// Checks params that already match the schema. Called while the client waits, so it must not block or have side
    /// effects. The default accepts all params.
    ///
    /// # Errors
    /// Every invalid param that can be found at this point. The server rejects the submission and returns them.
    fn check(&self, _params: &Value, _roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        Ok(())
    }

    /// Does the work. Runs on a thread of its own, where it may block, inside the server's tokio runtime: `tokio::spawn` and
    /// [`Context::block_on`] work. A panic fails only this job.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] soon after the context asks the attempt to stop, [`OperationError::Failed`] if the
    /// work fails.
    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError>;

    /// Called after the server died during an attempt. If that attempt had finished its work outside the database and only
    /// the result was not recorded, returns the result. Returns `None` if the work was not finished: then another attempt
    /// runs, or the work is [abandoned](Self::abandon).
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the work was finished but the result cannot be produced.
    fn recover(&self, _context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        Ok(None)
    }

    /// Removes files that earlier attempts left outside the database, when no further attempt will run: the job was
    /// canceled while it waited for one, or the server died during too many attempts. The job ends even if this fails;
    /// the error is logged.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if something could not be removed.
    fn abandon(&self, _context: &Context) -> Result<(), OperationError> {
        Ok(())
    }
}
