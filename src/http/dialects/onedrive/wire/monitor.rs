//! The status of a long-running action, as a monitor URL reports it.

use serde_json::{Value, json};

use crate::http::dialects::onedrive::wire::error_code;
use crate::job::{Job, Outcome, State};

/// The response of a monitor URL.
#[derive(Debug, PartialEq)]
pub(crate) enum Monitor {
    /// The job has not ended.
    Pending(Value),
    /// The job has succeeded.
    Completed(Value),
    /// The job has failed or was canceled.
    Failed(Value),
}

/// OneDrive's name for an operation.
fn operation_name(operation: &str) -> &str {
    match operation {
        "copy" => "ItemCopy",
        "fetch" => "DownloadUrl",
        other => other,
    }
}

/// The status of a job. `item` is the number of the item that it made, if it made one.
pub(crate) fn monitor(job: &Job, item: Option<i64>) -> Monitor {
    let percent = job.progress.percent.unwrap_or(0.0);
    let operation = operation_name(&job.operation);
    let running = |status: &str| json!({ "operation": operation, "percentageComplete": percent, "status": status });
    let failed = |code: &str, message: &str| {
        json!({
            "operation": operation,
            "percentageComplete": percent,
            "status": "failed",
            "statusDescription": message,
            "error": { "code": error_code(code), "message": message },
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
            "resourceId": item.map_or_else(|| job.id.to_string(), |number| number.to_string()),
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

impl Monitor {
    /// The body.
    pub(crate) fn into_value(self) -> Value {
        match self {
            Self::Pending(value) | Self::Completed(value) | Self::Failed(value) => value,
        }
    }
}
