//! Makes good what the last death of the server left behind: the plan of [`crate::plan`], executed.

use std::sync::Arc;

use super::cleanup::Conclusion;
use super::runner::Runner;
use crate::job::{Event, Job, Status};
use crate::plan::{self, Recovery};
use crate::store::{self, Found, Store};

/// What was done, for one line in the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) waiting: usize,
    pub(super) requeued: usize,
    pub(super) failed: usize,
    pub(super) canceled: usize,
    /// Those whose work may be in its place already, which is being found out.
    pub(super) placed: usize,
}

/// Judges every job that had not ended; must be done before anything is claimed. What takes long, looking for work that
/// is in its place and removing what is left of other work, goes on in the background.
pub(super) async fn recover(
    store: &Store,
    runner: &Arc<Runner>,
    found: &Found,
) -> Result<Report, store::Error> {
    let mut report = Report::default();
    let mut answers = Vec::new();
    for job in &found.active {
        if is_placed(runner, job).await {
            report.placed += 1;
            if !job.cancel_requested {
                // Until it is known that it is not, it is too late to cancel.
                store.record(job.seq, Event::FinalizeStarted).await?;
            }
            runner.conclude(Arc::clone(job), Conclusion::Look);
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
            // All of them are handed in before the first answer is awaited: one commit for many.
            Recovery::Record(event) => answers.push(store.record(job.seq, event)),
            Recovery::Remove(event) => {
                runner.conclude(Arc::clone(job), Conclusion::Remove(event));
            }
        }
    }
    for answer in answers {
        answer.await?;
    }
    Ok(report)
}

async fn is_placed(runner: &Arc<Runner>, job: &Arc<Job>) -> bool {
    if job.status() != Status::Running {
        return false;
    }
    let (runner, job) = (Arc::clone(runner), Arc::clone(job));
    let asked = tokio::task::spawn_blocking(move || runner.may_be_placed(&job)).await;
    asked.unwrap_or_default()
}
