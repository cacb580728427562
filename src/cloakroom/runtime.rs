//! The tokio runtime that the server was started in.

use tokio::runtime::{EnterGuard, Handle};
use tokio::task::JoinHandle;

use crate::cloakroom::error::{Error, StartError};

/// The runtime of the server. Calls from other threads and runtimes run there.
#[derive(Debug, Clone)]
pub(super) struct Runtime(Handle);

impl Runtime {
    /// The runtime of the caller.
    ///
    /// # Errors
    /// [`StartError::NoRuntime`] outside of a tokio runtime.
    pub(super) fn current() -> Result<Self, StartError> {
        let handle = Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        Ok(Self(handle))
    }

    /// Runs `work` in the server's runtime, whichever thread polls this. Dropping this stops the work.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the runtime has ended.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let is_here = Handle::try_current().is_ok_and(|handle| handle.id() == self.0.id());
        if is_here {
            return Ok(work.await);
        }
        let mut task = AbortOnDrop(self.0.spawn(work));
        (&mut task.0).await.map_err(|_| Error::Stopped)
    }

    /// Makes the server's runtime that of this thread until the guard is dropped.
    pub(super) fn enter(&self) -> EnterGuard<'_> {
        self.0.enter()
    }

    /// Runs `work`, which blocks, on a thread of the server's runtime.
    pub(super) fn spawn_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.0.spawn_blocking(work)
    }
}

struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
