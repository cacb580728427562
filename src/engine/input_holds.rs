//! Results that other jobs read: they stay until whoever reads them has ended.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::Value;

use crate::engine::idle_tracker::IdleTracker;
use crate::engine::{Caller, Engine, Hold, SubmitError};
use crate::job::{Job, JobId, Seq};
use crate::operations::{InvalidParam, OperationSpec, source_jobs};
use crate::store::{self, Store};

/// What each job that has not ended holds.
#[derive(Debug, Default)]
pub(super) struct InputHolds(Mutex<HashMap<Seq, Vec<Hold>>>);

impl InputHolds {
    /// A job reads what these belong to.
    pub(super) fn hold(&self, job: Seq, holds: Vec<Hold>) {
        if !holds.is_empty() {
            self.0.lock().insert(job, holds);
        }
    }

    /// A job has ended, or is gone.
    pub(super) fn release(&self, job: Seq) {
        self.0.lock().remove(&job);
    }

    /// Holds once more what a job held before the server was stopped.
    pub(super) async fn restore(
        &self,
        store: &Store,
        idle: &Arc<IdleTracker>,
        job: &Job,
    ) -> Result<(), store::Error> {
        let mut holds = Vec::new();
        for seq in &job.options.input_jobs {
            let source = store.job(*seq).await?;
            holds.extend(source.and_then(|source| idle.hold(&source)));
        }
        self.hold(job.seq, holds);
        Ok(())
    }
}

impl Engine {
    /// Finds the jobs whose results are documents of a submission, and keeps them from expiry.
    pub(super) async fn hold_sources(
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
