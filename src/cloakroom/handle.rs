//! A cloakroom in this process: operations, data, roots and listeners put together, in one place for `serve`, for `run`
//! and for whoever embeds it.
//!
//! Decides nothing about jobs and knows no address of the API: the engine below does the one, HTTP the other.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::cloakroom::error::Error;
use crate::cloakroom::result::JobResult;
use crate::config::Listen;
use crate::engine::{Caller, Engine, Submission, WaitFor};
use crate::job::{Job, JobId, JobOptions, Status};

/// A running cloakroom: jobs are taken, run and kept until it is [shut down](Self::shutdown).
///
/// Whoever has it sees every job. Those submitted here belong to nobody's token: over HTTP everybody sees them where
/// there are no tokens, else admins alone.
///
/// Dropped without a shutdown it takes no more connections, but jobs go on until the runtime ends; what runs then is
/// recovered at the next start, as after a crash.
pub struct Cloakroom {
    pub(in crate::cloakroom) engine: Arc<Engine>,
    pub(in crate::cloakroom) addresses: Vec<Listen>,
    /// What links in messages begin with.
    pub(in crate::cloakroom) base: String,
    pub(in crate::cloakroom) stop: watch::Sender<bool>,
    /// None once it is shut down.
    pub(in crate::cloakroom) serving: Mutex<Option<JoinHandle<()>>>,
}

impl Cloakroom {
    /// Where it listens: ports as the system gave them.
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// Takes on a job. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`], [`Error::Invalid`], [`Error::QueueFull`], [`Error::StorageFull`] and the like mean
    /// that there is no job; after [`Error::Stopped`] and [`Error::Store`] there may be one.
    pub async fn submit(&self, operation: &str, params: Value) -> Result<JobId, Error> {
        let options = JobOptions::default();
        self.submit_with(operation, params, options).await
    }

    /// As [`Cloakroom::submit`], with more to ask than the work itself.
    ///
    /// # Errors
    /// The same; [`Error::Invalid`] also where the output leads below no root, or the callback's address must not be called.
    pub async fn submit_with(
        &self,
        operation: &str,
        params: Value,
        mut options: JobOptions,
    ) -> Result<JobId, Error> {
        // Only synchronous HTTP requests have a guard that deletes their job.
        options.ephemeral = false;
        if let Some(callback) = &mut options.callback
            && callback.base.is_empty()
        {
            callback.base.clone_from(&self.base);
        }
        let submission = Submission {
            token: None,
            operation: operation.to_owned(),
            params,
            uploads: None,
            options,
            key: None,
        };
        Ok(self.engine.submit(submission).await?.job.id)
    }

    /// A job as it is. Like every look at it or its result this restarts its idle time.
    ///
    /// # Errors
    /// [`Error::NotFound`] once it is forgotten.
    pub async fn job(&self, id: JobId) -> Result<Arc<Job>, Error> {
        Ok(self.engine.get(&Caller::Host, id).await?.job)
    }

    /// A job once it has ended, or is another than the version that was seen, for whoever shows its progress. At a
    /// shutdown it is given as it is.
    ///
    /// # Errors
    /// [`Error::NotFound`] once it is forgotten.
    pub async fn wait(&self, id: JobId, until: WaitFor) -> Result<Arc<Job>, Error> {
        let view = self.engine.wait(&Caller::Host, id, until, Duration::MAX);
        Ok(view.await?.job)
    }

    /// Asks a job to stop. It is canceled at once if it waits for its first attempt; otherwise when its attempt has stopped
    /// and what its attempts left outside the database is removed.
    ///
    /// # Errors
    /// [`Error::AlreadyEnded`] if it has ended otherwise, or its result is being put in its place; [`Error::NotFound`].
    pub async fn cancel(&self, id: JobId) -> Result<Arc<Job>, Error> {
        Ok(self.engine.cancel(&Caller::Host, id).await?.job)
    }

    /// The result of a job, to be read. The job stays until this is dropped.
    ///
    /// # Errors
    /// [`Error::NoResult`] if it has none, or none yet, or none any more; [`Error::NotFound`].
    pub async fn result(&self, id: JobId) -> Result<JobResult, Error> {
        let job = self.job(id).await?;
        let download = self.engine.download(&job).await?;
        match (job.output(), download) {
            (Some(output), Some(download)) => Ok(JobResult::new(output.clone(), download)),
            _ if job.status() == Status::Succeeded => Err(Error::NoResult("it is gone".to_owned())),
            _ => {
                let reason = format!("the job is {}", job.status().as_str());
                Err(Error::NoResult(reason))
            }
        }
    }

    /// Ends, with the reason, when the database has failed beyond repair or a part of the server has panicked: jobs are
    /// no longer taken, run or answered for, and the cure is another start, in another process. Without such a failure it
    /// never ends.
    pub async fn failure(&self) -> String {
        let mut failure = self.engine.vital().failure();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // The sender is the engine's, which is ours.
            Err(_) => std::future::pending().await,
        }
    }

    /// Takes no more connections, and answers whoever waits: what is left to do after a [failure](Self::failure).
    pub(crate) async fn hang_up(&self) {
        self.stop.send_replace(true);
        self.engine.end_waits();
        if let Some(serving) = self.serving.lock().await.take() {
            // A panic there has been reported.
            let _ = serving.await;
        }
    }

    /// Stops in order: no more connections, whoever waits is answered, running jobs get `grace`, and what is left of
    /// them goes back to the queue. Then the data is closed. A second call does nothing.
    pub async fn shutdown(&self, grace: Duration) {
        let mut serving = self.serving.lock().await;
        let Some(serving) = serving.take() else {
            return;
        };
        self.stop.send_replace(true);
        self.engine.end_waits();
        // A panic there has been reported; the jobs still want their end.
        let _ = serving.await;
        self.engine.drain(grace).await;
    }
}
