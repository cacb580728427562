//! Recovers jobs that were interrupted when the server stopped, as [`crate::plan`] decides.

use std::sync::Arc;

use super::cleanup::Conclusion;
use super::runner::Runner;
use crate::job::{Event, Job, Status};
use crate::plan::{self, Recovery};
use crate::store::{self, Found, Store};

/// How many jobs were recovered in which way, for the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) waiting: usize,
    pub(super) requeued: usize,
    pub(super) failed: usize,
    pub(super) canceled: usize,
    /// Jobs whose output may be finalized already, which is being checked in the background.
    pub(super) finalizing: usize,
}

/// Recovers every job that had not ended. Must complete before jobs are claimed. Checks for finalized outputs and the
/// removal of leftovers may take long and continue in the background.
///
/// # Errors
/// An error if the database cannot be written.
pub(super) async fn recover(
    store: &Store,
    runner: &Arc<Runner>,
    found: &Found,
) -> Result<Report, store::Error> {
    let mut report = Report::default();
    let mut recorded = Vec::new();
    for job in &found.active {
        if may_be_finalized(runner, job).await {
            report.finalizing += 1;
            if !job.cancel_requested {
                // The job cannot be canceled while its output may be finalized.
                store.record(job.seq, Event::FinalizeStarted).await?;
            }
            runner.conclude(Arc::clone(job), Conclusion::FindOutput);
            continue;
        }
        let recovery = plan::recover(job, runner.policy(job));
        match &recovery {
            Recovery::Wait => report.waiting += 1,
            Recovery::Record(event) | Recovery::Remove(event) => match event {
                Event::Requeue => report.requeued += 1,
                Event::Fail(_) => report.failed += 1,
                _ => report.canceled += 1,
            },
        }
        match recovery {
            Recovery::Wait => {}
            // All are queued before the first is awaited, so that one commit takes many.
            Recovery::Record(event) => recorded.push(store.record(job.seq, event)),
            Recovery::Remove(event) => {
                runner.conclude(Arc::clone(job), Conclusion::Remove(event));
            }
        }
    }
    for record in recorded {
        record.await?;
    }
    Ok(report)
}

async fn may_be_finalized(runner: &Arc<Runner>, job: &Arc<Job>) -> bool {
    if job.status() != Status::Running {
        return false;
    }
    let (runner, job) = (Arc::clone(runner), Arc::clone(job));
    let checked = tokio::task::spawn_blocking(move || runner.may_be_finalized(&job)).await;
    checked.unwrap_or_default()
}
