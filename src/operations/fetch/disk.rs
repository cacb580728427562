//! Disk writes that may block for long.

use std::io;

use crate::operations::{Context, OperationError};

/// Runs a disk write on a blocking thread and waits for it. If the attempt is asked to stop, the wait ends and the write
/// goes on by itself.
///
/// # Errors
/// [`OperationError::Canceled`] if the attempt was asked to stop. The inner result holds the write's own error.
pub(super) fn wait_for_disk(
    context: &Context,
    work: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<io::Result<()>, OperationError> {
    let done = context.block_on(async { tokio::task::spawn_blocking(work).await })?;
    Ok(done.unwrap_or_else(|error| Err(io::Error::other(error))))
}
