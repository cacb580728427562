//! A running server: submits, reads, waits for and cancels jobs, and shuts down.

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

/// A running server, which accepts, runs and keeps jobs until it is [shut down](Self::shutdown).
///
/// This handle gives access to all jobs. Jobs submitted through it belong to no token: over HTTP they are visible to all
/// clients where no tokens are configured, and otherwise only to admins.
///
/// If the handle is dropped without a shutdown, the server accepts no more connections, but jobs continue until the
/// runtime ends. Jobs running at that time are recovered at the next start, as after a crash.
pub struct Cloakroom {
    pub(in crate::cloakroom) engine: Arc<Engine>,
    pub(in crate::cloakroom) addresses: Vec<Listen>,
    /// The base URL of links in callbacks.
    pub(in crate::cloakroom) base: String,
    pub(in crate::cloakroom) stop: watch::Sender<bool>,
    /// `None` once the server is shut down.
    pub(in crate::cloakroom) serving: Mutex<Option<JoinHandle<()>>>,
}

impl Cloakroom {
    /// The addresses that the server listens on, with actual port numbers.
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// Submits a job. The job is on the disk when this returns.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`], [`Error::Invalid`] for invalid params, [`Error::NoResult`] for an input from a job
    /// without a result, [`Error::QueueFull`] and [`Error::StorageFull`]: no job was created. After [`Error::Stopped`] and
    /// [`Error::Store`] the job may exist.
    pub async fn submit(&self, operation: &str, params: Value) -> Result<JobId, Error> {
        let options = JobOptions::default();
        self.submit_with(operation, params, options).await
    }

    /// Like [`Cloakroom::submit`], with options.
    ///
    /// # Errors
    /// Like [`Cloakroom::submit`]; [`Error::Invalid`] also if the output is below no root or the callback's address is
    /// not allowed.
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

    /// The current state of a job. Like every read of a job or its result, this restarts the job's idle timeout.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job does not exist, was deleted or has expired.
    pub async fn job(&self, id: JobId) -> Result<Arc<Job>, Error> {
        Ok(self.engine.get(&Caller::Host, id).await?.job)
    }

    /// Waits until a job has ended, or until it has changed, to show its progress. At a shutdown the wait ends early with
    /// the current state of the job.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job does not exist, was deleted or has expired.
    pub async fn wait(&self, id: JobId, until: WaitFor) -> Result<Arc<Job>, Error> {
        let view = self.engine.wait(&Caller::Host, id, until, Duration::MAX);
        Ok(view.await?.job)
    }

    /// Requests that a job be canceled. A job that waits for its first attempt is canceled at once; another one when its
    /// attempt has stopped and the attempt's temporary files are removed.
    ///
    /// # Errors
    /// [`Error::AlreadyEnded`] if the job has succeeded or failed, or is finalizing its result; [`Error::NotFound`] if the
    /// job does not exist, was deleted or has expired.
    pub async fn cancel(&self, id: JobId) -> Result<Arc<Job>, Error> {
        Ok(self.engine.cancel(&Caller::Host, id).await?.job)
    }

    /// Opens the result of a job. The job is kept until the result is dropped.
    ///
    /// # Errors
    /// [`Error::NoResult`] if the job has not succeeded or its result is gone; [`Error::NotFound`] if the job does not
    /// exist, was deleted or has expired.
    pub async fn result(&self, id: JobId) -> Result<JobResult, Error> {
        let job = self.job(id).await?;
        let download = self.engine.download(&job).await?;
        match (job.output(), download) {
            (Some(output), Some(download)) => Ok(JobResult::new(output.clone(), download)),
            _ if job.status() == Status::Succeeded => {
                Err(Error::NoResult("it has been deleted".to_owned()))
            }
            _ => {
                let reason = format!("the job is {}", job.status().as_str());
                Err(Error::NoResult(reason))
            }
        }
    }

    /// Waits for a fatal failure and returns its reason: the database has failed, or a part of the server has panicked.
    /// Jobs are then no longer accepted or run, and the process should be restarted. Without such a failure this never
    /// returns.
    pub async fn failure(&self) -> String {
        let mut failure = self.engine.vital().failure();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            // An error would mean that the engine is gone, but `self` owns it.
            Err(_) => std::future::pending().await,
        }
    }

    /// Accepts no more connections and ends all waits. For use after a [failure](Self::failure).
    pub(crate) async fn hang_up(&self) {
        self.stop.send_replace(true);
        self.engine.end_waits();
        if let Some(serving) = self.serving.lock().await.take() {
            // A panic of the server's task has been reported already.
            let _ = serving.await;
        }
    }

    /// Stops in order: accepts no more connections, ends all waits, gives running jobs `grace` to end, and requeues those
    /// that have not. Then closes the database. A second call does nothing.
    pub async fn shutdown(&self, grace: Duration) {
        let mut serving = self.serving.lock().await;
        let Some(serving) = serving.take() else {
            return;
        };
        self.stop.send_replace(true);
        self.engine.end_waits();
        // A panic of the server's task has been reported already. The jobs must be drained all the same.
        let _ = serving.await;
        self.engine.drain(grace).await;
    }
}
