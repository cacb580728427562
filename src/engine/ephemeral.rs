//! Ephemeral jobs for synchronous requests: deleted once the response is sent, canceled if the client disconnects.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{Engine, Submission, SubmitError, View};
use crate::job::{Event, Seq};
use crate::store::{Error, Store};

/// The guard of an ephemeral job. Dropping it deletes the job, and stops its attempt.
#[derive(Debug)]
pub(crate) struct EphemeralJob {
    store: Arc<Store>,
    runtime: Handle,
    /// `None` once the job is being deleted.
    seq: Option<Seq>,
}

impl EphemeralJob {
    /// Deletes the job. The returned task ends when the job is deleted.
    pub(crate) fn end(mut self) -> Option<JoinHandle<()>> {
        self.delete()
    }

    fn delete(&mut self) -> Option<JoinHandle<()>> {
        let (seq, store) = (self.seq.take()?, Arc::clone(&self.store));
        Some(self.runtime.spawn(async move {
            let deleted = loop {
                match store.record(seq, Event::Delete).await {
                    // `Busy` comes after a wait of some seconds, so this loop does not spin.
                    Err(Error::Busy) => {}
                    deleted => break deleted,
                }
            };
            match deleted {
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => {
                    tracing::warn!(job.seq = seq.0, %error, "cannot delete the job of a synchronous request");
                }
            }
        }))
    }
}

impl Drop for EphemeralJob {
    fn drop(&mut self) {
        self.delete();
    }
}

impl Engine {
    /// Like [`Engine::submit`], for a synchronous request. If this future is dropped before it completes, the job is
    /// deleted.
    ///
    /// # Errors
    /// Like [`Engine::submit`].
    pub(crate) async fn submit_ephemeral(
        self: &Arc<Self>,
        mut submission: Submission,
    ) -> Result<(View, EphemeralJob), SubmitError> {
        submission.options.ephemeral = true;
        let (engine, runtime) = (Arc::clone(self), Handle::current());
        // In a task of its own, so that the guard is made even if the client disconnects during the commit.
        let task = tokio::spawn(async move {
            let view = engine.submit(submission).await?;
            let ephemeral = EphemeralJob {
                store: Arc::clone(&engine.store),
                runtime,
                seq: Some(view.job.seq),
            };
            Ok((view, ephemeral))
        });
        task.await
            .map_err(|error| SubmitError::Engine(error.into()))?
    }
}
