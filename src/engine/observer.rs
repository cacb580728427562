//! Passes commits on to the parts of the engine.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::engine::callbacks::Outbox;
use crate::engine::cleanup::Conclusion;
use crate::engine::handle::Engine;
use crate::engine::idle_tracker::IdleTracker;
use crate::engine::input_holds::InputHolds;
use crate::engine::job_cache::JobCache;
use crate::engine::job_feed::{Forgotten, JobFeed};
use crate::engine::metrics::JobMetrics;
use crate::engine::runner::Runner;
use crate::job::{Event, IdleMs, Job, JobId, Outcome, Seq, State, Status};
use crate::store::{CommitObserver, Committed, Uses};
use crate::vital::Vital;

/// Applies commits to the parts of the engine, on the store's writer thread.
pub(super) struct EngineObserver {
    job_cache: Arc<JobCache>,
    idle_tracker: Arc<IdleTracker>,
    job_feed: Arc<JobFeed>,
    input_holds: Arc<InputHolds>,
    /// Notified when a job has ended.
    job_ended: Arc<Notify>,
    outbox: Arc<Outbox>,
    runner: Arc<Runner>,
    metrics: Arc<JobMetrics>,
    vital: Vital,
}

impl EngineObserver {
    pub(super) fn new(engine: &Engine) -> Self {
        Self {
            job_cache: Arc::clone(&engine.job_cache),
            idle_tracker: Arc::clone(&engine.idle_tracker),
            job_feed: Arc::clone(&engine.job_feed),
            input_holds: Arc::clone(&engine.input_holds),
            job_ended: Arc::clone(&engine.sweeper.job_ended),
            outbox: Arc::clone(&engine.outbox),
            runner: Arc::clone(&engine.runner),
            metrics: Arc::clone(&engine.metrics),
            vital: engine.vital.clone(),
        }
    }

    /// The event for a job that is being deleted, with its last state from memory.
    fn forgotten(&self, seq: Seq, id: JobId) -> Forgotten {
        let last = self.job_cache.get(seq).map(|(_, job)| job);
        Forgotten { seq, id, last }
    }

    /// Updates the metrics for a change of a job. Must be called before the change is published.
    fn count(&self, job: &Job, was: Option<Status>) {
        if was.is_none() {
            self.metrics.submitted(&job.operation);
        }
        let status = job.status();
        if was == Some(status) {
            return;
        }
        self.metrics.ended(&job.operation, status);
        if status == Status::Running && job.attempt == 1 {
            let waited = self.job_cache.get(job.seq).map(|(cached, _)| cached.age());
            self.metrics
                .begun(&job.operation, waited.unwrap_or_default());
        }
    }

    fn saved(&self, job: &Arc<Job>, was: Option<Status>) {
        self.count(job, was);
        if was != Some(Status::Failed) {
            log_failure(job);
        }
        // Taken before the change is published: subscribers get the last state that readers saw.
        let deleted = job
            .delete_requested
            .then(|| self.forgotten(job.seq, job.id));
        self.job_cache.publish(job);
        if job.callback_due().is_some() {
            self.outbox.wake_up();
        }
        if job.is_terminal() {
            self.input_holds.release(job.seq);
            self.job_ended.notify_one();
        } else if job.cancel_requested {
            match job.status() {
                Status::Queued => self
                    .runner
                    .conclude(Arc::clone(job), Conclusion::Remove(Event::AttemptCanceled)),
                _ => self.runner.stop(job.seq),
            }
        }
        match deleted {
            None => self.job_feed.changed(job.seq, job.token.as_deref()),
            Some(deleted) if deleted.last.is_some() => {
                self.job_feed.forgotten(deleted, job.token.as_deref());
            }
            // The job was deleted for readers before.
            Some(_) => {}
        }
    }

    fn claimed(&self, job: Arc<Job>, was: Option<Status>) {
        self.count(&job, was);
        // Admitted first: clients that see the job running must find its log.
        self.runner.admit(&job);
        self.job_cache.publish(&job);
        self.job_feed.changed(job.seq, job.token.as_deref());
        self.runner.dispatch(job);
    }
}

/// Logs why a job has failed, if it has.
fn log_failure(job: &Job) {
    let State::Ended {
        started,
        finished,
        outcome: Outcome::Failed(failure),
        ..
    } = &job.state
    else {
        return;
    };
    tracing::warn!(
        job.id = %job.id,
        operation = %job.operation,
        attempt = job.attempt,
        duration_ms = started.map(|started| finished.0 - started.0),
        code = failure.code,
        error = failure.message,
        "job failed"
    );
}

impl CommitObserver for EngineObserver {
    fn committed(&self, change: Committed) {
        match change {
            Committed::Saved { job, was } => self.saved(&job, was),
            Committed::Claimed { job, was } => self.claimed(job, was),
            Committed::Forgotten {
                seq,
                id,
                delete_was_requested,
                token,
                unended,
            } => {
                let forgotten = self.forgotten(seq, id);
                if let Some(operation) = unended {
                    self.metrics.deleted(&operation);
                }
                self.job_cache.forget(seq);
                self.input_holds.release(seq);
                self.idle_tracker.forget(seq);
                if !delete_was_requested {
                    self.job_feed.forgotten(forgotten, token.as_deref());
                }
            }
        }
    }

    fn uses(&self, most: usize) -> Uses {
        self.idle_tracker.worth_storing(most)
    }

    fn stored_uses(&self, uses: &[(Seq, IdleMs)]) {
        for (seq, due) in uses {
            self.job_cache.rearm(*seq, *due);
            self.idle_tracker.written(*seq, *due);
        }
    }

    fn fatal(&self, reason: &str) {
        self.vital.fail(format!("the database failed: {reason}"));
    }
}
