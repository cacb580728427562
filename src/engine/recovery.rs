//! Makes good what the last death of the server left behind: the plan of [`crate::plan`], executed.

use std::sync::Arc;

use super::runner::Runner;
use crate::job::{Event, State, Status};
use crate::operations::Registry;
use crate::plan;
use crate::store::{self, Found, Store};

/// What was done, for one line in the log.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) waiting: usize,
    pub(super) requeued: usize,
    pub(super) failed: usize,
    pub(super) canceled: usize,
    /// Whose result was in its place already.
    pub(super) finished: usize,
}

/// Judges every job that had not ended; must be done before anything is claimed.
pub(super) async fn recover(
    store: &Store,
    registry: &Registry,
    runner: &Arc<Runner>,
    found: &Found,
) -> Result<Report, store::Error> {
    let mut report = Report::default();
    let (mut answers, mut over) = (Vec::new(), Vec::new());
    for job in &found.active {
        let policy = registry
            .get(&job.operation)
            .map(|(_, registered)| registered.policy());
        let event = match (&job.state, policy) {
            // Whoever waited for it went with the server.
            (State::Queued, _) if job.wishes.attended => Event::Delete,
            (State::Queued, Some(_)) => {
                report.waiting += 1;
                continue;
            }
            (State::Queued, None) => Event::Fail(plan::unknown_operation(&job.operation)),
            (_, policy) => match runner.placed(job) {
                Some(output) => Event::Succeed(output),
                None => plan::recover(job, policy),
            },
        };
        match event {
            Event::Requeue => report.requeued += 1,
            Event::Fail(_) => report.failed += 1,
            Event::Succeed(_) => report.finished += 1,
            _ => report.canceled += 1,
        }
        if event != Event::Requeue && job.status() == Status::Running {
            over.push(job);
        }
        // All of them are handed in before the first answer is awaited: one commit for many.
        answers.push(store.record(job.seq, event));
    }
    for answer in answers {
        answer.await?;
    }
    for job in over {
        runner.abandon(Arc::clone(job));
    }
    Ok(report)
}
