//! What attempts left outside the database when the server died: found, and removed where it is of no use.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;

use super::runner::Runner;
use crate::job::{Job, Output};
use crate::operations::{Stop, discard_output, placed_output};

impl Runner {
    /// Has removed what attempts of a job left that will have no other one. Does not block. There are never many: the
    /// jobs that ran when a server stopped.
    pub(super) fn abandon(self: &Arc<Self>, job: Arc<Job>) {
        let runner = Arc::clone(self);
        let abandon = move || {
            let Some((_, registered)) = runner.registry.get(&job.operation) else {
                return;
            };
            let Ok(params) = runner.store().params(&job.params) else {
                return;
            };
            let context = runner.context(&job, params, Arc::default());
            if let Some(path) = context.output() {
                discard_output(&context, path);
            }
            let abandon = AssertUnwindSafe(|| registered.operation.abandon(&context));
            if let Ok(Err(Stop::Failed(failure))) = catch_unwind(abandon) {
                tracing::warn!(job.id = %job.id, error = failure.message, "what a job left could not be removed");
            }
        };
        if let Err(error) = thread::Builder::new().name("abandon".into()).spawn(abandon) {
            tracing::warn!(%error, "no thread to remove what a job left");
        }
    }

    /// The result that an attempt at a job put into its place before the server died. Blocks on the disk.
    pub(super) fn placed(&self, job: &Job) -> Option<Output> {
        let path = job.wishes.output.as_deref()?;
        let context = self.context(job, "{}".into(), Arc::default());
        let placed = placed_output(&context, path);
        // A folder that is not there holds nothing.
        placed.ok().flatten()
    }
}
