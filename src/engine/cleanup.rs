//! Cleans up after jobs without an attempt under way whose earlier attempts may have left files outside the database.
//!
//! A finalized output file makes the job succeed. Files under temporary names are removed durably before the job's row
//! ends, because only the row says where they are. If the server crashes meanwhile, the next start does it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crate::engine::runner::Runner;
use crate::failpoints;
use crate::job::{Event, Failure, Job, Seq, Status};
use crate::operations::{OperationError, discard_output, finalized_output};
use crate::plan::{self, InPlace, Policy, Recovery};
use crate::store::{self, Attempt, WholeBlob};

/// What to do with a job that has no attempt.
#[derive(Debug)]
pub(super) enum Conclusion {
    /// Search for a finalized output, then do what recovery decides.
    FindOutput,
    /// Remove leftovers, then apply this event.
    Remove(Event),
}

impl Runner {
    /// Ends a job or requeues it, on a thread of its own. Does not block. The number of threads is bounded by the number
    /// of jobs that were running when the server stopped.
    pub(super) fn conclude(self: &Arc<Self>, job: Arc<Job>, conclusion: Conclusion) {
        let seq = job.seq;
        // An attempt that did not stop may still be writing the files. The next start cleans up after it.
        if self.has_attempt(seq) || !self.concluding.lock().insert(seq) {
            return;
        }
        self.under_way.send_modify(|n| *n += 1);
        let runner = Arc::clone(self);
        let conclude = move || {
            if let Err(error) = runner.conclude_now(&job, conclusion) {
                tracing::error!(job.id = %job.id, %error, "cannot record how the job ended");
            }
            runner.leave(seq);
        };
        if let Err(error) = thread::Builder::new()
            .name("conclude".into())
            .spawn(conclude)
        {
            tracing::error!(%error, "cannot start a thread to remove the leftovers of a job; the next start removes them");
            self.leave(seq);
        }
    }

    /// Requeues a job whose attempt did not stop, unless the next start has to clean up after it first.
    pub(super) async fn requeue_drained(&self, seq: Seq, attempt: u32) {
        let job = self.job_cache.get(seq).map(|(_, job)| job);
        // A job that is being deleted is not in memory.
        let may_requeue = job
            .is_some_and(|job| !(job.finalizing || job.cancel_requested || job.options.ephemeral));
        if !may_requeue {
            tracing::warn!(
                job.seq = seq.0,
                attempt,
                "the attempt did not stop; the next start recovers the job"
            );
            return;
        }
        tracing::warn!(
            job.seq = seq.0,
            attempt,
            "the attempt did not stop; requeueing the job"
        );
        if let Err(error) = self.store.record(seq, Event::Drained).await {
            tracing::error!(job.seq = seq.0, %error, "cannot requeue the job");
        }
    }

    fn leave(&self, seq: Seq) {
        self.concluding.lock().remove(&seq);
        self.under_way.send_modify(|n| *n -= 1);
    }

    fn conclude_now(&self, job: &Job, conclusion: Conclusion) -> Result<(), store::Error> {
        let (recovery, result) = match conclusion {
            Conclusion::Remove(event) => (Recovery::Remove(event), None),
            Conclusion::FindOutput => {
                let (in_place, result) = match self.find_output(job) {
                    Some((event, result)) => (InPlace::Output(event), result),
                    None => (InPlace::Nothing, None),
                };
                (plan::recover(job, self.policy(job), in_place), result)
            }
        };
        match recovery {
            // The plan wants a search only where it is not known whether the output is in place.
            Recovery::Wait | Recovery::FindOutput { .. } => Ok(()),
            Recovery::Record(event) => self.record_unattempted(job, event, result),
            Recovery::Remove(event) => {
                self.remove_leftovers(job);
                failpoints::failpoint("removed");
                self.record_unattempted(job, event, None)
            }
        }
    }

    /// Applies an event to a job that has no attempt.
    fn record_unattempted(
        &self,
        job: &Job,
        event: Event,
        result: Option<WholeBlob>,
    ) -> Result<(), store::Error> {
        let attempt = Attempt {
            number: job.attempt,
            progress: job.progress.clone(),
            version: job.version,
            result,
            log: None,
        };
        match self.record(job.seq, event, attempt) {
            // The job was deleted, or claimed again, meanwhile.
            Err(store::Error::NotFound | store::Error::Superseded) => Ok(()),
            recorded => recorded.map(drop),
        }
    }

    /// The recovery policy of a job's operation, or `None` if the operation is no longer registered.
    pub(super) fn policy(&self, job: &Job) -> Option<Policy> {
        let (_, registered) = self.registry.get(&job.operation)?;
        Some(registered.policy())
    }

    /// Whether the last attempt at an orphan may have finalized its output. Blocks on the disk.
    pub(super) fn may_be_finalized(&self, job: &Job) -> bool {
        let context = self.context(job, "{}".into(), Arc::default());
        job.status() == Status::Running && context.may_be_renamed().unwrap_or_default()
    }

    /// The event that ends a job whose output is finalized, or `None` if it is not. Blocks on the disk.
    fn find_output(&self, job: &Job) -> Option<(Event, Option<WholeBlob>)> {
        let params = self.store.params(&job.params).ok()?;
        let context = self.context(job, params, Arc::default());
        if let Some(path) = context.output() {
            // An error means that the folder is missing, and the file with it.
            let finalized = finalized_output(&context, path).ok().flatten();
            if let Some(output) = finalized {
                return Some((Event::Succeed(output), None));
            }
        }
        let (_, registered) = self.registry.get(&job.operation)?;
        let recover = AssertUnwindSafe(|| {
            let output = registered.operation.recover(&context)?;
            output.map(|output| output.finalize(&context)).transpose()
        });
        match catch_unwind(recover) {
            Ok(Ok(Some((output, whole)))) => Some((Event::Succeed(output), whole)),
            Ok(Ok(None) | Err(OperationError::Canceled)) => None,
            Ok(Err(OperationError::Failed(failure))) => Some((Event::Fail(failure), None)),
            Err(_) => {
                let message = "The operation panicked during recovery.";
                Some((Event::Fail(Failure::new("panicked", message)), None))
            }
        }
    }

    /// Removes files that attempts at a job left under temporary names. Blocks on the disk.
    fn remove_leftovers(&self, job: &Job) {
        let params = self.store.params(&job.params);
        let params = params.unwrap_or_else(|_| "{}".into());
        let context = self.context(job, params, Arc::default());
        if let Some(path) = context.output() {
            discard_output(&context, path);
        }
        let Some((_, registered)) = self.registry.get(&job.operation) else {
            return;
        };
        let abandon = AssertUnwindSafe(|| registered.operation.abandon(&context));
        if let Ok(Err(OperationError::Failed(failure))) = catch_unwind(abandon) {
            tracing::warn!(job.id = %job.id, error = failure.message, "cannot remove the leftovers of a job");
        }
    }
}
