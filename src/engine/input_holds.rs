//! Results that other jobs read: they stay until whoever reads them has ended.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::engine::idle_tracker::{Hold, IdleTracker};
use crate::job::{Job, Seq};
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
