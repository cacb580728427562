//! The requests and responses of driveonweb: paths, lists and polling jobs. Times are milliseconds since the epoch, as
//! text. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use crate::job::{Job, Outcome, Seq, State, WallMs};

/// How much longer each poll is held than the previous one.
const HOLD_STEP: Duration = Duration::from_millis(500);
/// The longest that a poll is held.
const MAX_HOLD: Duration = Duration::from_secs(10);

/// The kinds of polling jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Copy,
}

impl Kind {
    /// The name of the operation, which is also a segment of paths.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Copy => "copy",
        }
    }

    /// The polling URL of a job, without a host. It begins with `base_path`.
    pub(crate) fn polling_url(self, base_path: &str, seq: Seq) -> String {
        format!("{}/{}", self.polling_endpoint(base_path), seq.0)
    }

    fn polling_endpoint(self, base_path: &str) -> String {
        format!("{base_path}/rest/jobs/{}", self.as_str())
    }
}

/// A file or folder in a list.
pub(crate) fn entry(number: i64, name: &str, size: Option<u64>) -> Value {
    let kind = if size.is_some() { "file" } else { "folder" };
    json!({ "id": number, "name": name, "type": kind, "size": size.unwrap_or(0) })
}

/// The response to the start of a job.
pub(crate) fn started(location: &str) -> Value {
    json!({ "location": location })
}

/// How long the n-th poll is held. The first is 1.
pub(crate) fn hold_time(polls: u32) -> Duration {
    (HOLD_STEP * polls.saturating_sub(1)).min(MAX_HOLD)
}

/// A job after `polls` polls, the last at `now`. `result` is the number of the item or result that it made.
pub(crate) fn job(
    kind: Kind,
    job: &Job,
    polls: u32,
    now: WallMs,
    result: Option<i64>,
    base_path: &str,
) -> Value {
    let (state, polls, accessed) = match &job.state {
        State::Queued | State::Running { .. } => ("RUNNING", polls, Some(now.0.to_string())),
        State::Ended { outcome, .. } => match outcome {
            Outcome::Succeeded(_) => ("DONE", 0, None),
            Outcome::Failed(_) | Outcome::Canceled => ("FAILURE", 0, None),
        },
    };
    let name = kind.as_str();
    let mut shown = json!({
        "id": job.seq.0,
        "numberOfPolls": polls,
        "creationDate": job.created.0.to_string(),
        "lastAccessDate": accessed,
        "jobState": state,
        "jobType": name.to_ascii_uppercase(),
        "pollingEndpoint": kind.polling_endpoint(base_path),
        "pollingUrl": kind.polling_url(base_path, job.seq),
    });
    shown[format!("{name}Result")] = result.into();
    shown["type"] = format!("{name}PollingJob").into();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_held_longer_each_time() {
        let hold_times =
            [0, 1, 2, 3, 20, 21, 22, u32::MAX].map(|polls| hold_time(polls).as_millis());
        assert_eq!(hold_times, [0, 0, 500, 1000, 9500, 10_000, 10_000, 10_000]);
    }
}
