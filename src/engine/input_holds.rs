//! Keeps jobs whose results are inputs of other jobs from expiring until those jobs have ended.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::idle_tracker::{Hold, IdleTracker};
use crate::job::{Job, Seq};
use crate::store::{self, Store};

/// The holds of each job that has not ended.
#[derive(Debug, Default)]
pub(super) struct InputHolds(Mutex<HashMap<Seq, Vec<Hold>>>);

impl InputHolds {
    /// Stores the holds on the inputs of a job.
    pub(super) fn hold(&self, job: Seq, holds: Vec<Hold>) {
        if !holds.is_empty() {
            self.0.lock().insert(job, holds);
        }
    }

    /// Drops the holds of a job that has ended or is gone.
    pub(super) fn release(&self, job: Seq) {
        self.0.lock().remove(&job);
    }

    /// Holds the inputs of a job again after a restart.
    ///
    /// # Errors
    /// An error if the database cannot be read.
    pub(super) async fn restore(
        &self,
        store: &Store,
        idle_tracker: &Arc<IdleTracker>,
        job: &Job,
    ) -> Result<(), store::Error> {
        let mut holds = Vec::new();
        for seq in &job.options.input_jobs {
            let source = store.job(*seq).await?;
            holds.extend(source.and_then(|source| idle_tracker.hold(&source)));
        }
        self.hold(job.seq, holds);
        Ok(())
    }
}
