//! Operations whose work is a future.

use serde_json::Value;

use crate::operations::context::Context;
use crate::operations::error::{InvalidParam, OperationError};
use crate::operations::operation::Operation;
use crate::operations::result::OperationOutput;
use crate::operations::spec::OperationSpec;
use crate::roots::Roots;

/// One kind of work that jobs do, as an async function. See [`Operation`], to which the other methods correspond.
///
/// Each attempt still has a thread of its own, on which the future is polled, inside the server's tokio runtime. So the
/// future need not be `Send`, it may block, and writing the result to a [`ResultWriter`](crate::operations::ResultWriter)
/// delays no other task.
///
/// ```
/// # use cloakroom::operations::{AsyncOperation, Context, OperationError, OperationOutput, OperationSpec};
/// struct Sleep;
///
/// impl AsyncOperation for Sleep {
///     fn spec(&self) -> OperationSpec {
///         OperationSpec::new::<()>("sleep", "Sleep for a second")
///     }
///
///     async fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
///         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
///         context.result("text/plain", "sleep.txt").finish()
///     }
/// }
/// ```
pub trait AsyncOperation: Send + Sync + 'static {
    /// Returns the name, params and settings of the operation; see [`Operation::spec`].
    fn spec(&self) -> OperationSpec;

    /// Checks params that already match the schema; see [`Operation::check`]. Must not block.
    ///
    /// # Errors
    /// Every invalid param that can be found at this point.
    fn check(&self, _params: &Value, _roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        Ok(())
    }

    /// Does the work. When the attempt is asked to stop, because the job is canceled, its time is up or the server stops, the
    /// future is dropped at the `await` where it waits. Between two of them, [`Context::check`] tells. A panic fails only this
    /// job.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] as passed on from the context, [`OperationError::Failed`] if the work fails.
    fn run(
        &self,
        context: &Context,
    ) -> impl Future<Output = Result<OperationOutput, OperationError>>;

    /// See [`Operation::recover`].
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the work was finished but the result cannot be produced.
    fn recover(&self, _context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        Ok(None)
    }

    /// See [`Operation::abandon`].
    ///
    /// # Errors
    /// [`OperationError::Failed`] if something could not be removed.
    fn abandon(&self, _context: &Context) -> Result<(), OperationError> {
        Ok(())
    }
}

/// An async operation as an operation.
pub(crate) struct Blocking<T>(pub(crate) T);

impl<T: AsyncOperation> Operation for Blocking<T> {
    fn spec(&self) -> OperationSpec {
        self.0.spec()
    }

    fn check(&self, params: &Value, roots: &Roots) -> Result<(), Vec<InvalidParam>> {
        self.0.check(params, roots)
    }

    fn run(&self, context: &Context) -> Result<OperationOutput, OperationError> {
        context.block_on(self.0.run(context))?
    }

    fn recover(&self, context: &Context) -> Result<Option<OperationOutput>, OperationError> {
        self.0.recover(context)
    }

    fn abandon(&self, context: &Context) -> Result<(), OperationError> {
        self.0.abandon(context)
    }
}
