//! Submits and retries jobs: checks them, stores them durably, and only then returns.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::engine::pending_keys::PendingKey;
use crate::engine::{Caller, Engine, Error, Hold, Submission, SubmitError, View};
use crate::job::{Event, JobId, Seq, TraceContext};
use crate::operations::{
    InvalidParam, OperationSpec, check_options, make_whole_numbers_integers, source_jobs,
};
use crate::roots::Roots;
use crate::store::{NewJob, Uploads};

impl Engine {
    /// Reserves an idempotency key for a request while its body is received. Returns `None` if another request has
    /// reserved it.
    pub(crate) fn begin_key(&self, token: Option<&str>, key: &str) -> Option<PendingKey> {
        PendingKey::begin(&self.pending_keys, token, key)
    }

    /// Submits a job. When this returns, the job is on the disk and can be read.
    ///
    /// # Errors
    /// [`SubmitError::UnknownOperation`], [`SubmitError::Invalid`] for invalid params or options,
    /// [`SubmitError::NoResult`] and [`SubmitError::NoResultYet`] for inputs from jobs without a result, and
    /// [`SubmitError::Engine`], for example if the queue or the disk is full.
    pub(crate) async fn submit(&self, mut submission: Submission) -> Result<View, SubmitError> {
        make_whole_numbers_integers(&mut submission.params);
        let Some((operation, registered)) = self.registry.get(&submission.operation) else {
            return Err(SubmitError::UnknownOperation(submission.operation));
        };
        submission.options.write_only = registered.write_only(&submission.params);
        let mut uploads = submission.uploads;
        let blobs = uploads.as_ref().map(Uploads::blobs).unwrap_or_default();
        let check = |roots: &Roots| {
            let outbound = self.outbound_access.of(submission.token.as_deref());
            let mut invalid = check_options(&submission.options, roots, &outbound);
            let params = registered.check(
                &submission.params,
                &blobs,
                roots,
                &outbound,
                &submission.options.write_only,
            );
            invalid.extend(params.err().unwrap_or_default());
            invalid
        };
        let reads_disk = submission.options.output.is_some() || names_path(&submission.params);
        let invalid = if reads_disk {
            // Pinned roots are opened once, however many paths are below them.
            block_in_place(|| check(&self.roots.pinned()))
        } else {
            check(&self.roots)
        };
        if !invalid.is_empty() {
            return Err(SubmitError::Invalid(invalid));
        }
        let caller = submission
            .token
            .clone()
            .map_or(Caller::Anyone, Caller::Named);
        let (input_jobs, holds) = self
            .hold_input_jobs(&caller, &submission.params, &registered.description)
            .await?;
        submission.options.input_jobs = input_jobs;
        let params = submission.params.to_string().into();
        let uploads = uploads.as_mut().map(Uploads::take).unwrap_or_default();
        let new = NewJob {
            token: submission.token,
            operation,
            params,
            uploads,
            options: Arc::new(submission.options),
            key: submission.key,
            retry_of: None,
        };
        let job = self.store.submit(new.clone()).await?;
        // The earlier job with this key may have expired without having been swept yet.
        if new.key.is_some() && !self.idle_tracker.touch(&job) {
            self.store.record(job.seq, Event::Delete).await?;
            let job = self.store.submit(new).await?;
            return Ok(self.shown(job));
        }
        if !job.is_terminal() {
            self.input_holds.hold(job.seq, holds);
            // If the job has ended already, its end has released nothing.
            if self
                .job_cache
                .get(job.seq)
                .is_none_or(|(_, job)| job.is_terminal())
            {
                self.input_holds.release(job.seq);
            }
        }
        Ok(self.shown(job))
    }

    /// Submits a new job with the operation, params, options and uploads of an ended one. `trace` replaces the trace of
    /// the old job if there is one.
    ///
    /// # Errors
    /// [`Error::NotEnded`] if the job has not ended, [`Error::NotFound`] if there is no such job,
    /// [`SubmitError::UnknownOperation`] if its operation is no longer registered; otherwise like [`Engine::submit`].
    pub(crate) async fn retry(
        &self,
        caller: &Caller,
        id: JobId,
        trace: Option<Box<TraceContext>>,
    ) -> Result<View, SubmitError> {
        let view = self.get(caller, id).await?;
        if !view.job.is_terminal() {
            return Err(Error::NotEnded.into());
        }
        if self.registry.get(&view.job.operation).is_none() {
            return Err(SubmitError::UnknownOperation(
                view.job.operation.to_string(),
            ));
        }
        let params = self.params(&view.job).await?;
        let job = self.store.submit_again(&view.job, params, trace).await?;
        Ok(self.shown(job))
    }

    /// Finds the jobs whose results are inputs of a submission, and holds them.
    ///
    /// # Errors
    /// [`SubmitError::Invalid`] for an unknown job, [`SubmitError::NoResult`] and [`SubmitError::NoResultYet`] for a job
    /// without a result.
    async fn hold_input_jobs(
        &self,
        caller: &Caller,
        params: &Value,
        description: &OperationSpec,
    ) -> Result<(Vec<Seq>, Vec<Hold>), SubmitError> {
        let (mut seqs, mut holds) = (Vec::new(), Vec::new());
        for (pointer, id) in source_jobs(params, description) {
            let unknown = || {
                let detail = format!("Job {id} does not exist.");
                SubmitError::Invalid(vec![InvalidParam {
                    pointer: format!("{pointer}/id"),
                    detail,
                }])
            };
            let source: JobId = id.parse().map_err(|_| unknown())?;
            let view = match self.get(caller, source).await {
                Err(Error::NotFound) => return Err(unknown()),
                found => found?,
            };
            let job = &view.job;
            if job.output().is_none() {
                let status = job.status().as_str();
                let detail = format!("Job {id} is {status} and has no result.");
                return Err(if job.is_terminal() {
                    SubmitError::NoResult(detail)
                } else {
                    SubmitError::NoResultYet(detail)
                });
            }
            holds.push(self.idle_tracker.hold(job).ok_or_else(unknown)?);
            seqs.push(job.seq);
        }
        Ok((seqs, holds))
    }
}

/// Whether params contain a string that looks like a path, so that checking them may read the disk.
fn names_path(params: &Value) -> bool {
    match params {
        Value::String(text) => Path::new(text).is_absolute() || text.starts_with('/'),
        Value::Array(items) => items.iter().any(names_path),
        Value::Object(members) => members.values().any(names_path),
        _ => false,
    }
}

/// Calls `check`, which may block, without delaying other tasks where the runtime has several threads.
fn block_in_place<T>(check: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(check),
        _ => check(),
    }
}
