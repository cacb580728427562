//! Jobs without an attempt under way whose earlier attempts may have left something outside the database.
//!
//! What they put into its place makes the job succeed. What they left under a temporary name is removed, durably, and
//! only then does the job's row end: nothing else tells where to look. A server that dies meanwhile does it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use crate::engine::runner::Runner;
use crate::failpoints;
use crate::job::{Event, Failure, Job, Seq, Status};
use crate::operations::{OperationError, discard_output, finalized_output};
use crate::plan::{self, Policy, Recovery};
use crate::store::{self, Attempt, WholeBlob};

/// How a job without an attempt goes on.
#[derive(Debug)]
pub(super) enum Conclusion {
    /// It succeeds if its work is in its place; if not, recovery decides.
    Look,
    /// What was left is removed, then this happens to it.
    Remove(Event),
}

impl Runner {
    /// Brings a job to its end, or back into the queue. Does not block. There are never many: the jobs that ran when a
    /// server stopped.
    pub(super) fn conclude(self: &Arc<Self>, job: Arc<Job>, conclusion: Conclusion) {
        let seq = job.seq;
        // An attempt that did not stop may still be making what would be removed: the next start sees to it.
        if self.has_attempt(seq) || !self.concluding.lock().insert(seq) {
            return;
        }
        self.under_way.send_modify(|n| *n += 1);
        let runner = Arc::clone(self);
        let conclude = move || {
            if let Err(error) = runner.conclude_now(&job, conclusion) {
                tracing::error!(job.id = %job.id, %error, "how the job ended could not be recorded");
            }
            runner.leave(seq);
        };
        if let Err(error) = thread::Builder::new()
            .name("conclude".into())
            .spawn(conclude)
        {
            tracing::error!(%error, "no thread to remove what a job left: the next start does it");
            self.leave(seq);
        }
    }

    /// Puts a job whose attempt did not stop back into the queue, unless it may leave something that only the next start
    /// can see to.
    pub(super) async fn give_back(&self, seq: Seq, attempt: u32) {
        let job = self.live.get(seq).map(|(_, job)| job);
        // Deleted jobs are not in memory.
        let goes_back = job
            .is_some_and(|job| !(job.finalizing || job.cancel_requested || job.options.ephemeral));
        if !goes_back {
            tracing::warn!(
                job.seq = seq.0,
                attempt,
                "the attempt did not stop; the next start sees to the job"
            );
            return;
        }
        tracing::warn!(
            job.seq = seq.0,
            attempt,
            "the attempt did not stop; the job is put back into the queue"
        );
        if let Err(error) = self.store().record(seq, Event::Drained).await {
            tracing::error!(job.seq = seq.0, %error, "the job could not be put back");
        }
    }

    fn leave(&self, seq: Seq) {
        self.concluding.lock().remove(&seq);
        self.under_way.send_modify(|n| *n -= 1);
    }

    fn conclude_now(&self, job: &Job, conclusion: Conclusion) -> Result<(), store::Error> {
        let event = match conclusion {
            Conclusion::Remove(event) => event,
            Conclusion::Look => {
                if let Some((event, result)) = self.find(job) {
                    let attempt = Attempt {
                        number: job.attempt,
                        progress: job.progress.clone(),
                        version: job.version,
                        result,
                        log: None,
                    };
                    return self.record(job.seq, event, attempt).map(drop);
                }
                match plan::recover(job, self.policy(job)) {
                    Recovery::Remove(event) => event,
                    Recovery::Record(event) => return self.record_later(job, event),
                    Recovery::Wait => return Ok(()),
                }
            }
        };
        self.remove_leftovers(job);
        failpoints::failpoint("removed");
        self.record_later(job, event)
    }

    /// Records what happened to a job that has no attempt.
    fn record_later(&self, job: &Job, event: Event) -> Result<(), store::Error> {
        let attempt = Attempt {
            number: job.attempt,
            progress: job.progress.clone(),
            version: job.version,
            result: None,
            log: None,
        };
        match self.record(job.seq, event, attempt) {
            // It went meanwhile.
            Err(store::Error::NotFound | store::Error::Superseded) => Ok(()),
            recorded => recorded.map(drop),
        }
    }

    /// What recovery needs to know of a job's operation; none if that is no longer there.
    pub(super) fn policy(&self, job: &Job) -> Option<Policy> {
        let (_, registered) = self.registry.get(&job.operation)?;
        Some(registered.policy())
    }

    /// Whether the last attempt at an orphan may have put something into its place.
    pub(super) fn may_be_placed(&self, job: &Job) -> bool {
        let context = self.context(job, "{}".into(), Arc::default());
        job.status() == Status::Running && context.may_be_placed().unwrap_or_default()
    }

    /// How the job ended whose work is in its place; none if it is not. Blocks on the disk.
    fn find(&self, job: &Job) -> Option<(Event, Option<WholeBlob>)> {
        let params = self.store().params(&job.params).ok()?;
        let context = self.context(job, params, Arc::default());
        if let Some(path) = context.output() {
            // A folder that is not there holds nothing.
            let placed = finalized_output(&context, path).ok().flatten();
            if let Some(output) = placed {
                return Some((Event::Succeed(output), None));
            }
        }
        let (_, registered) = self.registry.get(&job.operation)?;
        let recover = AssertUnwindSafe(|| {
            let product = registered.operation.recover(&context)?;
            product
                .map(|product| product.finalize(&context))
                .transpose()
        });
        match catch_unwind(recover) {
            Ok(Ok(Some((output, whole)))) => Some((Event::Succeed(output), whole)),
            Ok(Ok(None) | Err(OperationError::Canceled)) => None,
            Ok(Err(OperationError::Failed(failure))) => Some((Event::Fail(failure), None)),
            Err(_) => {
                let message = "The operation panicked when it looked for its work.";
                Some((Event::Fail(Failure::new("panicked", message)), None))
            }
        }
    }

    /// Removes what attempts at a job left under temporary names. Blocks on the disk.
    fn remove_leftovers(&self, job: &Job) {
        let params = self.store().params(&job.params);
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
            tracing::warn!(job.id = %job.id, error = failure.message, "what a job left could not be removed");
        }
    }
}
