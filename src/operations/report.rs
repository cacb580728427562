//! The result of work whose point is what it put below a root: a report of that, as JSON.

use std::io::Write;
use std::thread;
use std::time::Duration;

use crate::job::Failure;
use crate::operations::{Context, OperationError, OperationOutput};

/// Between two tries to store a report in a database that has no room.
const FULL_DISK_PAUSE: Duration = Duration::from_secs(1);

/// The report of what was put at `path`, a path on the wire. The work is done and cannot fail any more, so this waits
/// while the server's own disk is full.
///
/// # Errors
/// What is wrong with the file that the submission wanted as the result.
pub(in crate::operations) fn report(
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
            Ok(product) => return Ok(product.with_target(path)),
            Err(OperationError::Failed(failure))
                if failure.code == "storage_full" && context.output().is_none() =>
            {
                thread::sleep(FULL_DISK_PAUSE);
            }
            Err(OperationError::Failed(failure)) => {
                let message = format!(
                    "{path} is in its place, but not the report of it: {}",
                    failure.message
                );
                return Err(Failure { message, ..failure }.into());
            }
            Err(OperationError::Canceled) => return Err(OperationError::Canceled),
        }
    }
}
