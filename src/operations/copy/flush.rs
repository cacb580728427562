//! Syncs written files to the disk, and stops waiting when the attempt is asked to stop.

use std::fs::File;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use cap_std::fs::Dir;

use crate::operations::{Context, OperationError};

/// The interval at which a waiting attempt checks whether it was asked to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Syncs a file to the disk.
///
/// # Errors
/// The errors of [`wait`].
pub(super) fn flush_file(context: &Context, file: File) -> Result<io::Result<()>, OperationError> {
    wait(context, move || file.sync_all())
}

/// Syncs the whole file system of a folder: one wait for a whole tree.
///
/// # Errors
/// The errors of [`wait`]. Since Linux 5.8 the inner error may come from files that other programs wrote.
pub(super) fn flush_tree(context: &Context, dir: &Dir) -> Result<io::Result<()>, OperationError> {
    match dir.try_clone() {
        Ok(dir) => wait(context, move || sync(&dir)),
        Err(error) => Ok(Err(error)),
    }
}

#[cfg(target_os = "linux")]
fn sync(dir: &Dir) -> io::Result<()> {
    Ok(rustix::fs::syncfs(dir)?)
}

/// Other systems cannot sync a whole file system. There, each file is synced when it is written.
#[cfg(not(target_os = "linux"))]
fn sync(dir: &Dir) -> io::Result<()> {
    crate::operations::destination::sync_folder(dir)
}

/// Syncs on a separate thread, because the disk may block for long. If the attempt is asked to stop, the thread goes on
/// alone.
///
/// # Errors
/// [`OperationError::Canceled`] if the attempt was asked to stop. The inner result holds the I/O error of the sync.
fn wait(
    context: &Context,
    sync: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<io::Result<()>, OperationError> {
    let (done, is_done) = sync_channel(1);
    let flusher = thread::Builder::new()
        .name("copy-flush".into())
        // Sending fails if the attempt was stopped; then the outcome does not matter.
        .spawn(move || drop(done.send(sync())));
    if let Err(error) = flusher {
        return Ok(Err(error));
    }
    loop {
        context.check()?;
        match is_done.recv_timeout(STOP_CHECK_INTERVAL) {
            Ok(synced) => return Ok(synced),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(io::Error::other("the sync thread panicked")));
            }
        }
    }
}
