//! The program that started this one, as far as standard input tells: when it dies, its end of the pipe is closed.

use std::io::{self, Read};

use tokio::sync::oneshot;

/// Whoever holds the other end of standard input.
pub(super) struct Parent(Option<oneshot::Receiver<()>>);

impl Parent {
    /// One that is never gone.
    pub(super) fn immortal() -> Self {
        Self(None)
    }

    /// Watches standard input, and throws away what comes in there.
    ///
    /// # Errors
    /// It has ended already: nobody can have meant that.
    pub(super) fn watch() -> Result<Self, String> {
        if has_ended().map_err(|error| format!("standard input cannot be read: {error}"))? {
            let message = "--exit-with-parent: standard input is closed already; give the server a pipe that stays open";
            return Err(message.to_owned());
        }
        let (gone, parent) = oneshot::channel();
        // A thread of its own, which nobody waits for: a read cannot be taken back.
        std::thread::Builder::new()
            .name("stdin".to_owned())
            .spawn(move || {
                // What cannot be read any longer has ended as well.
                let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
                let _ = gone.send(());
            })
            .map_err(|error| error.to_string())?;
        Ok(Self(Some(parent)))
    }

    /// Ends when it is gone.
    pub(super) async fn gone(&mut self) {
        match &mut self.0 {
            // A thread that is gone without a word has nothing to read either.
            Some(parent) => drop(parent.await),
            None => std::future::pending().await,
        }
    }
}

/// Whether the next read finds the end; does not wait for one.
#[cfg(unix)]
fn has_ended() -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let at_once = Timespec::default();
    if poll(&mut fds, Some(&at_once))? == 0 {
        return Ok(false);
    }
    Ok(stdin.lock().read(&mut [0])? == 0)
}

/// Where one cannot ask without waiting, an end is seen when it is read.
#[cfg(not(unix))]
fn has_ended() -> io::Result<bool> {
    Ok(false)
}
