//! Jobs that somebody waits for who asks only once: they go when he has his answer, and are stopped when he hangs up.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::{Engine, Submission, SubmitError, View};
use crate::job::{Event, Seq};
use crate::store::{self, Store};

/// Somebody's waiting for a job. When this is dropped the job is forgotten, and stopped if it runs.
#[derive(Debug)]
pub(crate) struct EphemeralJob {
    store: Arc<Store>,
    runtime: Handle,
    /// None once it is being forgotten.
    seq: Option<Seq>,
}

impl EphemeralJob {
    /// Forgets the job; the task ends when that is done.
    pub(crate) fn end(mut self) -> Option<JoinHandle<()>> {
        self.forget()
    }

    fn forget(&mut self) -> Option<JoinHandle<()>> {
        let (seq, store) = (self.seq.take()?, Arc::clone(&self.store));
        Some(self.runtime.spawn(async move {
            let deleted = loop {
                match store.record(seq, Event::Delete).await {
                    // Each time it has waited for some seconds.
                    Err(store::Error::Busy) => {}
                    deleted => break deleted,
                }
            };
            match deleted {
                Ok(_) | Err(store::Error::NotFound) => {}
                Err(error) => {
                    tracing::warn!(job.seq = seq.0, %error, "a job that nobody waits for any more is still there");
                }
            }
        }))
    }
}

impl Drop for EphemeralJob {
    fn drop(&mut self) {
        self.forget();
    }
}

impl Engine {
    /// As [`Engine::submit`], for one who waits for the job. Nothing is left of it if this is dropped before its end.
    ///
    /// # Errors
    /// As [`Engine::submit`].
    pub(crate) async fn submit_ephemeral(
        self: &Arc<Self>,
        mut submission: Submission,
    ) -> Result<(View, EphemeralJob), SubmitError> {
        submission.options.ephemeral = true;
        let (engine, runtime) = (Arc::clone(self), Handle::current());
        // Of its own, so that a job which is on its way to the disk when its client hangs up is forgotten, too.
        let task = tokio::spawn(async move {
            let view = engine.submit(submission).await?;
            let ephemeral = EphemeralJob {
                store: Arc::clone(&engine.store),
                runtime,
                seq: Some(view.job.seq),
            };
            Ok((view, ephemeral))
        });
        let lost = |error| SubmitError::Store(store::Error::Database(format!("{error}")));
        task.await.map_err(lost)?
    }
}
