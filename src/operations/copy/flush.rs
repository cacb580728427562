//! Getting what was written onto the disk.

use std::fs::File;
use std::io;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use cap_std::fs::Dir;

use crate::operations::{Context, OperationError};

/// Between two looks whether the attempt shall stop.
const PATIENCE: Duration = Duration::from_millis(100);

/// Writes a file to the disk.
///
/// # Errors
/// As [`wait`].
pub(super) fn flush_file(context: &Context, file: File) -> Result<io::Result<()>, OperationError> {
    wait(context, move || file.sync_all())
}

/// Writes everything that is in memory of a folder's file system to its disk: one wait for a whole tree.
///
/// # Errors
/// As [`wait`]. The disk may also speak of files that others wrote (Linux since 5.8).
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

/// Where a file system cannot be synced as a whole, each file was when it was written.
#[cfg(not(target_os = "linux"))]
fn sync(dir: &Dir) -> io::Result<()> {
    crate::operations::destination::sync_folder(dir)
}

/// The disk may take its time, so a thread of its own waits for it, and is left alone when the attempt is to stop.
///
/// # Errors
/// A cancel; inside, what the disk says.
fn wait(
    context: &Context,
    sync: impl FnOnce() -> io::Result<()> + Send + 'static,
) -> Result<io::Result<()>, OperationError> {
    let (done, is_done) = sync_channel(1);
    let flusher = thread::Builder::new()
        .name("copy-flush".into())
        // Nobody hears of it any more if the attempt was stopped.
        .spawn(move || drop(done.send(sync())));
    if let Err(error) = flusher {
        return Ok(Err(error));
    }
    loop {
        context.check()?;
        match is_done.recv_timeout(PATIENCE) {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Err(io::Error::other("the flusher stopped")));
            }
        }
    }
}
