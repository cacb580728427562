//! A running server: submits, reads, waits for and cancels jobs, and shuts down.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use crate::cloakroom::error::Error;
use crate::cloakroom::events::JobEvents;
use crate::cloakroom::pulse::Pulse;
use crate::cloakroom::reload::{ReloadError, Reloaded, Reloader};
use crate::cloakroom::request::{JobFilter, JobPage, JobRequest};
use crate::cloakroom::result::JobResult;
use crate::cloakroom::runtime::Runtime;
use crate::cloakroom::service::{HttpService, Place};
use crate::config::{Config, Listen};
use crate::engine::{Caller, Engine, WaitFor};
use crate::http::App;
use crate::job::{Job, JobId, JobOptions, Status};

/// A running server, which accepts, runs and keeps jobs until it is [shut down](Self::shutdown).
///
/// This handle gives access to all jobs. Jobs submitted through it belong to no token, unless a [`JobRequest`] names one: over
/// HTTP they are visible to all clients where no tokens are configured, and otherwise only to admins.
///
/// All methods may be called from any thread, also outside of the tokio runtime in which the server was started and in other
/// runtimes, for as long as that runtime runs.
///
/// If the handle is dropped without a shutdown, the server accepts no more connections, but jobs continue until the
/// runtime ends. Jobs running at that time are recovered at the next start, as after a crash.
pub struct Cloakroom {
    pub(in crate::cloakroom) engine: Arc<Engine>,
    pub(in crate::cloakroom) runtime: Runtime,
    pub(in crate::cloakroom) addresses: Vec<Listen>,
    pub(in crate::cloakroom) app: Arc<App>,
    /// The place of the API in the program's own server.
    pub(in crate::cloakroom) place: Option<Place>,
    /// The base URL of links in callbacks.
    pub(in crate::cloakroom) base: String,
    pub(in crate::cloakroom) stop: watch::Sender<bool>,
    pub(in crate::cloakroom) reloader: Arc<Reloader>,
    /// `None` once the server is shut down.
    pub(in crate::cloakroom) serving: Mutex<Option<JoinHandle<()>>>,
}

impl Cloakroom {
    /// The addresses that the server listens on, with actual port numbers.
    pub fn addresses(&self) -> &[Listen] {
        &self.addresses
    }

    /// The API as a service, if the builder has a [place](crate::Builder::mount) for it.
    pub fn service(&self) -> Option<HttpService> {
        let mount = self.place.as_ref()?.mount();
        Some(HttpService::new(
            Arc::clone(&self.app),
            mount,
            self.runtime.clone(),
        ))
    }

    /// Submits a job. The job is on the disk when this returns. `params` is a JSON object, as the operation's
    /// [schema](crate::operations::OperationSpec::params) describes it.
    ///
    /// # Errors
    /// [`Error::UnknownOperation`], [`Error::Invalid`] for invalid params, [`Error::NoResult`] for an input from a job
    /// without a result, [`Error::QueueFull`] and [`Error::StorageFull`]: no job was created. After [`Error::Stopped`] and
    /// [`Error::Store`] the job may exist.
    pub async fn submit(&self, operation: &str, params: Value) -> Result<JobId, Error> {
        self.submit_request(JobRequest::new(operation, params))
            .await
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
        options: JobOptions,
    ) -> Result<JobId, Error> {
        let request = JobRequest::new(operation, params).options(options);
        self.submit_request(request).await
    }

    /// Like [`Cloakroom::submit_with`], with an idempotency key and in the name of a token.
    ///
    /// # Errors
    /// Like [`Cloakroom::submit_with`]; [`Error::KeyTaken`] if another submission has used the key.
    pub async fn submit_request(&self, request: JobRequest) -> Result<JobId, Error> {
        let submission = request.into_submission(&self.base)?;
        let submitted =
            self.on_engine(move |engine| async move { engine.submit(submission).await });
        Ok(submitted.await??.job.id)
    }

    /// The current state of a job. Like every read of a job or its result, this restarts the job's idle timeout.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job does not exist, was deleted or has expired.
    pub async fn job(&self, id: JobId) -> Result<Arc<Job>, Error> {
        let view = self.on_engine(move |engine| async move { engine.get(&Caller::Host, id).await });
        Ok(view.await??.job)
    }

    /// A page of all jobs, of all tokens, newest first. Counts as no use of the jobs.
    ///
    /// # Errors
    /// [`Error::Store`] if the database cannot be read.
    pub async fn jobs(&self, filter: JobFilter) -> Result<JobPage, Error> {
        let (limit, filter) = (filter.limit(), filter.into_filter());
        let page =
            self.on_engine(
                move |engine| async move { engine.list(&Caller::Host, filter, limit).await },
            );
        let page = page.await??;
        Ok(JobPage {
            jobs: page.jobs.into_iter().map(|view| view.job).collect(),
            next: page.next,
        })
    }

    /// Subscribes to the changes of all jobs from now on. To know the state of each job, subscribe first, then list the
    /// jobs with [`Cloakroom::jobs`].
    pub fn events(&self) -> JobEvents {
        JobEvents::new(&self.engine, &self.runtime)
    }

    /// Waits until a job has ended, or until it has changed, to show its progress. At a shutdown the wait ends early with
    /// the current state of the job.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job does not exist, was deleted or has expired.
    pub async fn wait(&self, id: JobId, until: WaitFor) -> Result<Arc<Job>, Error> {
        let view = self.on_engine(move |engine| async move {
            let view = engine.wait(&Caller::Host, id, until, Duration::MAX);
            view.await
        });
        Ok(view.await??.job)
    }

    /// Requests that a job be canceled. A job that waits for its first attempt is canceled at once; another one when its
    /// attempt has stopped and the attempt's temporary files are removed.
    ///
    /// # Errors
    /// [`Error::AlreadyEnded`] if the job has succeeded or failed, or is finalizing its result; [`Error::NotFound`] if the
    /// job does not exist, was deleted or has expired.
    pub async fn cancel(&self, id: JobId) -> Result<Arc<Job>, Error> {
        let view =
            self.on_engine(move |engine| async move { engine.cancel(&Caller::Host, id).await });
        Ok(view.await??.job)
    }

    /// Submits an ended job again, with the same operation, params, options and uploads, and returns the new job. The ended
    /// job stays, but its uploads belong to the new one.
    ///
    /// # Errors
    /// [`Error::NotEnded`], [`Error::NotFound`], [`Error::UnknownOperation`] if the operation is not registered any more;
    /// otherwise like [`Cloakroom::submit`].
    pub async fn retry(&self, id: JobId) -> Result<JobId, Error> {
        let view = self
            .on_engine(move |engine| async move { engine.retry(&Caller::Host, id, None).await });
        Ok(view.await??.job.id)
    }

    /// Deletes a job and its result, and stops its attempt. Returns the last state of the job.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the job does not exist, was deleted or has expired.
    pub async fn delete(&self, id: JobId) -> Result<Arc<Job>, Error> {
        let job =
            self.on_engine(move |engine| async move { engine.delete(&Caller::Host, id).await });
        Ok(job.await??)
    }

    /// Opens the result of a job. The job is kept until the result is dropped.
    ///
    /// # Errors
    /// [`Error::NoResult`] if the job has not succeeded or its result is gone; [`Error::NotFound`] if the job does not
    /// exist, was deleted or has expired.
    pub async fn result(&self, id: JobId) -> Result<JobResult, Error> {
        let opened = self.on_engine(move |engine| async move {
            let job = engine.get(&Caller::Host, id).await?.job;
            let download = engine.download(&job).await?;
            Ok::<_, Error>((job, download))
        });
        let (job, download) = opened.await??;
        match (job.output(), download) {
            (Some(output), Some(download)) => Ok(JobResult::new(
                output.clone(),
                download,
                self.runtime.clone(),
            )),
            _ if job.status() == Status::Succeeded => {
                Err(Error::NoResult("it has been deleted".to_owned()))
            }
            _ => {
                let reason = format!("the job is {}", job.status().as_str());
                Err(Error::NoResult(reason))
            }
        }
    }

    /// Calls the engine in the server's runtime.
    ///
    /// # Errors
    /// [`Error::Stopped`] if the runtime has ended.
    async fn on_engine<T, F>(&self, call: impl FnOnce(Arc<Engine>) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        self.runtime.run(call(Arc::clone(&self.engine))).await
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

    /// Replaces the settings of a running server, as far as that is possible without a restart: operations, callbacks, the
    /// idle timeout, the number of workers, and the limits of params, uploads, results and documents. Attempts under way
    /// keep what they started with.
    ///
    /// # Errors
    /// [`ReloadError`]
    pub async fn reload(&self, config: Config) -> Result<Reloaded, ReloadError> {
        let reloader = Arc::clone(&self.reloader);
        let outcome =
            self.on_engine(move |engine| async move { reloader.reload(&engine, config).await });
        outcome.await.map_err(|_| ReloadError::Stopped)?
    }

    /// Checks whether the server works, for a watchdog.
    pub(crate) fn pulse(&self) -> Pulse {
        Pulse::new(Arc::clone(&self.engine))
    }

    /// Reads the tokens again.
    pub(crate) fn reload_tokens(&self) {
        self.reloader.reload_tokens();
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
        let drained = self.on_engine(move |engine| async move { engine.drain(grace).await });
        // An error means that the runtime has ended, and all jobs with it.
        let _ = drained.await;
    }
}
