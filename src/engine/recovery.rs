//! Recovers jobs that were interrupted when the server stopped, as [`crate::plan`] decides.

use std::sync::Arc;

use super::cleanup::Conclusion;
use super::runner::Runner;
use crate::job::{Event, Job, Status};
use crate::plan::{self, InPlace, Recovery};
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

impl Report {
    fn count(&mut self, recovery: &Recovery) {
        let count = match recovery {
            Recovery::Wait => &mut self.waiting,
            Recovery::FindOutput { .. } => &mut self.finalizing,
            Recovery::Record(Event::Requeue) | Recovery::Remove(Event::Requeue) => {
                &mut self.requeued
            }
            Recovery::Record(Event::Fail(_)) | Recovery::Remove(Event::Fail(_)) => &mut self.failed,
            Recovery::Record(_) | Recovery::Remove(_) => &mut self.canceled,
        };
        *count += 1;
    }
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
        let in_place = in_place(runner, job).await;
        let recovery = plan::recover(job, runner.policy(job), in_place);
        report.count(&recovery);
        match recovery {
            Recovery::Wait => {}
            Recovery::FindOutput { locks } => {
                if locks {
                    store.record(job.seq, Event::FinalizeStarted).await?;
                }
                runner.conclude(Arc::clone(job), Conclusion::FindOutput);
            }
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

/// What the last attempt at a job may have left in place, without a search of the disk.
async fn in_place(runner: &Arc<Runner>, job: &Arc<Job>) -> InPlace {
    // Saves a switch of threads for each queued job.
    if job.status() != Status::Running {
        return InPlace::Nothing;
    }
    let (runner, job) = (Arc::clone(runner), Arc::clone(job));
    let checked = tokio::task::spawn_blocking(move || runner.may_be_finalized(&job)).await;
    if checked.unwrap_or_default() {
        InPlace::Unknown
    } else {
        InPlace::Nothing
    }
}
