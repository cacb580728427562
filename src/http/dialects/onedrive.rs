//! OneDrive's long-running actions: the status that a monitor URL reports.

use serde_json::{Value, json};

use crate::job::{Job, Outcome, State};

/// What a monitor URL answers about a job.
#[derive(Debug, PartialEq)]
pub(crate) enum Monitor {
    /// It has not ended.
    Pending(Value),
    /// It has a result.
    Completed(Value),
    /// It has none.
    Failed(Value),
}

impl Monitor {
    /// What it says, whatever the status is.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Pending(value) | Self::Completed(value) | Self::Failed(value) => value,
        }
    }
}

/// A job as its monitor URL shows it.
pub(crate) fn monitor(job: &Job) -> Monitor {
    let percent = job.progress.percent.unwrap_or(0.0);
    let running = |status: &str| json!({ "operation": &*job.operation, "percentageComplete": percent, "status": status });
    let failed = |code: &str, message: &str| {
        json!({
            "operation": &*job.operation,
            "percentageComplete": percent,
            "status": "failed",
            "statusDescription": message,
            "error": { "code": code, "message": message },
        })
    };
    match &job.state {
        State::Queued => Monitor::Pending(running("notStarted")),
        State::Running { .. } => Monitor::Pending(running("inProgress")),
        State::Ended {
            outcome: Outcome::Succeeded(_),
            ..
        } => Monitor::Completed(json!({
            "percentageComplete": 100.0,
            "resourceId": job.id.to_string(),
            "status": "completed",
        })),
        State::Ended {
            outcome: Outcome::Failed(failure),
            ..
        } => Monitor::Failed(failed(&failure.code, &failure.message)),
        State::Ended {
            outcome: Outcome::Canceled,
            ..
        } => Monitor::Failed(failed("canceled", "The job was canceled.")),
    }
}
