//! The JSON report that is the result of an operation which creates files below a root.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::job::Failure;
use crate::operations::{Context, OperationError, OperationOutput};

/// The time between two attempts to store a report while the disk is full.
const FULL_DISK_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Stores the report about the file or folder at `path`, given as clients see it. The work is done already, so this waits
/// while the server's own disk is full.
///
/// # Errors
/// [`OperationError::Failed`] if the report cannot be stored for another reason, or cannot be written to the file that
/// the submission named.
pub(super) fn report(
    context: &Context,
    filename: &str,
    text: &str,
    path: String,
) -> Result<OperationOutput, OperationError> {
    loop {
        let mut result = context.result("application/json", filename);
        let written = result
            .write_all(text.as_bytes())
            .map_err(OperationError::from);
        match written.and_then(|()| result.finish()) {
            Ok(output) => return Ok(output.with_target(path)),
            Err(OperationError::Failed(failure))
                if failure.code == "storage_full" && context.output().is_none() =>
            {
                thread::sleep(FULL_DISK_RETRY_INTERVAL);
            }
            Err(OperationError::Failed(failure)) => {
                let message = format!(
                    "{path} was created, but its report could not be stored: {}",
                    failure.message
                );
                return Err(Failure { message, ..failure }.into());
            }
            Err(OperationError::Canceled) => return Err(OperationError::Canceled),
        }
    }
}
