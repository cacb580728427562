//! Detects the exit of the parent process by the end of standard input: its end of the pipe is closed when it exits.

use std::io;

use tokio::sync::oneshot;

/// The process at the other end of standard input.
pub(super) struct Parent(Option<oneshot::Receiver<()>>);

impl Parent {
    /// Does not watch the parent.
    pub(super) fn unwatched() -> Self {
        Self(None)
    }

    /// Watches standard input and discards its data.
    ///
    /// # Errors
    /// Standard input is closed already, or cannot be read.
    pub(super) fn watch() -> Result<Self, String> {
        if has_ended().map_err(|error| format!("cannot read standard input: {error}"))? {
            let message = "--exit-with-parent: standard input is closed already; give the server a pipe that stays open";
            return Err(message.to_owned());
        }
        let (gone, parent) = oneshot::channel();
        // On a detached thread: a blocking read cannot be canceled.
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || {
                // A read error counts as the end.
                let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
                let _ = gone.send(());
            })
            .map_err(|error| error.to_string())?;
        Ok(Self(Some(parent)))
    }

    /// Completes when the parent has exited.
    pub(super) async fn exited(&mut self) {
        match &mut self.0 {
            // If the thread ends without sending, standard input has ended, too.
            Some(parent) => drop(parent.await),
            None => std::future::pending().await,
        }
    }
}

/// Whether standard input is at its end. Does not block.
#[cfg(unix)]
fn has_ended() -> io::Result<bool> {
    use std::io::Read;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let at_once = Timespec::default();
    if poll(&mut fds, Some(&at_once))? == 0 {
        return Ok(false);
    }
    Ok(stdin.lock().read(&mut [0])? == 0)
}

/// Without a non-blocking check, the watching thread finds the end.
#[cfg(not(unix))]
fn has_ended() -> io::Result<bool> {
    Ok(false)
}
