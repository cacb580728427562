//! How jobs come in: checked, stored, and only then answered.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::engine::pending_keys::PendingKey;
use crate::engine::{Caller, Engine, Hold, Submission, SubmitError, View};
use crate::job::{Event, JobId, Seq};
use crate::operations::{
    InvalidParam, OperationSpec, check_options, make_whole_numbers_integers, source_jobs,
};
use crate::roots::Roots;
use crate::store::{self, NewJob, Uploads};

impl Engine {
    /// Keeps a key for one request while its body comes in; none if another request has it.
    pub(crate) fn begin_key(&self, token: Option<&str>, key: &str) -> Option<PendingKey> {
        PendingKey::begin(&self.pending_keys, token, key)
    }

    /// Takes on a job. When this returns it is on the disk, and can be looked at.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub(crate) async fn submit(&self, mut submission: Submission) -> Result<View, SubmitError> {
        make_whole_numbers_integers(&mut submission.params);
        let Some((operation, registered)) = self.registry.get(&submission.operation) else {
            return Err(SubmitError::UnknownOperation(submission.operation));
        };
        let mut uploads = submission.uploads;
        let blobs = uploads.as_ref().map(Uploads::blobs).unwrap_or_default();
        let look = |roots: &Roots| {
            let outside = self.outbound_access.of(submission.token.as_deref());
            let mut faults = check_options(&submission.options, roots, outside);
            let params = registered.check(&submission.params, &blobs, roots, outside);
            faults.extend(params.err().unwrap_or_default());
            faults
        };
        let asks_files = submission.options.output.is_some() || names_path(&submission.params);
        let faults = if asks_files {
            // Each root is opened once, however many paths lead below it.
            beside(|| look(&self.roots.pinned()))
        } else {
            look(&self.roots)
        };
        if !faults.is_empty() {
            return Err(SubmitError::Invalid(faults));
        }
        let caller = submission
            .token
            .clone()
            .map_or(Caller::Anyone, Caller::Named);
        let (sources, holds) = self
            .hold_sources(&caller, &submission.params, &registered.description)
            .await?;
        submission.options.input_jobs = sources;
        let params = submission.params.to_string().into();
        let uploads = uploads.as_mut().map(Uploads::take).unwrap_or_default();
        let new = NewJob {
            token: submission.token,
            operation: Arc::clone(operation),
            params,
            uploads,
            options: Arc::new(submission.options),
            key: submission.key,
            retry_of: None,
        };
        let job = self.store.submit(new.clone()).await?;
        // The job that a key stands for may have expired, though it was not swept yet.
        if new.key.is_some() && !self.idle_tracker.touch(&job) {
            self.store.record(job.seq, Event::Delete).await?;
            let job = self.store.submit(new).await?;
            return Ok(self.shown(job));
        }
        if !job.is_terminal() {
            self.input_holds.hold(job.seq, holds);
            // It may have ended before they were there to be released.
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

    /// A new job that asks what this one asked, of the same uploads.
    ///
    /// # Errors
    /// [`store::Error::NotEnded`] while it has not ended.
    pub(crate) async fn retry(&self, caller: &Caller, id: JobId) -> Result<View, SubmitError> {
        let view = self.get(caller, id).await?;
        if !view.job.is_terminal() {
            return Err(store::Error::NotEnded.into());
        }
        if self.registry.get(&view.job.operation).is_none() {
            return Err(SubmitError::UnknownOperation(
                view.job.operation.to_string(),
            ));
        }
        let params = self.params(&view.job).await?;
        let job = self.store.submit_again(&view.job, params).await?;
        Ok(self.shown(job))
    }

    /// Finds the jobs whose results are documents of a submission, and keeps them from expiry.
    async fn hold_sources(
        &self,
        caller: &Caller,
        params: &Value,
        description: &OperationSpec,
    ) -> Result<(Vec<Seq>, Vec<Hold>), SubmitError> {
        let (mut seqs, mut holds) = (Vec::new(), Vec::new());
        for (pointer, id) in source_jobs(params, description) {
            let unknown = || {
                let detail = format!("There is no job {id}.");
                SubmitError::Invalid(vec![InvalidParam {
                    pointer: format!("{pointer}/id"),
                    detail,
                }])
            };
            let source: JobId = id.parse().map_err(|_| unknown())?;
            let view = match self.get(caller, source).await {
                Err(store::Error::NotFound) => return Err(unknown()),
                found => found?,
            };
            let job = &view.job;
            if job.output().is_none() {
                let status = job.status().as_str();
                let detail = format!("Job {id} is {status}: there is no result to read.");
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

/// Whether there is something like a path in params, which may be looked for on a disk.
fn names_path(params: &Value) -> bool {
    match params {
        Value::String(text) => Path::new(text).is_absolute() || text.starts_with('/'),
        Value::Array(items) => items.iter().any(names_path),
        Value::Object(members) => members.values().any(names_path),
        _ => false,
    }
}

/// Does what may wait for a disk without holding up others, where the runtime has other threads for them.
fn beside<T>(look: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(look),
        _ => look(),
    }
}
