//! The requests and responses of driveonweb: paths, lists and polling jobs. Times are milliseconds since the epoch, as
//! text. Pure.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::job::{Job, Outcome, Seq, State, WallMs};

/// How much longer each poll is held than the previous one.
const HOLD_STEP: Duration = Duration::from_millis(500);
/// The longest that a poll is held.
const MAX_HOLD: Duration = Duration::from_secs(10);

/// The action of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Lists the roots.
    Roots,
    /// Lists a folder.
    Folder(i64),
    /// Starts a job that works on a folder.
    Start(Kind, i64),
    /// Shows a job.
    Job(Kind, Seq),
    /// Downloads a file or a result.
    Download(i64),
}

/// The kinds of polling jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Copy,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Zip, Self::Copy];

    /// The name of the operation, which is also a segment of paths.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Copy => "copy",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The polling URL of a job, without a host. It begins with `base_path`.
    pub(crate) fn polling_url(self, base_path: &str, seq: Seq) -> String {
        format!("{}/{}", self.polling_endpoint(base_path), seq.0)
    }

    fn polling_endpoint(self, base_path: &str) -> String {
        format!("{base_path}/rest/jobs/{}", self.as_str())
    }
}

/// The endpoint of a method and the segments of a path below `/rest`; `None` if the path does not exist.
///
/// # Errors
/// The methods that the path supports, if `method` is not one of them.
pub(crate) fn endpoint_at(
    method: &Method,
    segments: &[&str],
) -> Option<Result<Endpoint, &'static str>> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let endpoint = match segments {
        ["folders"] => Endpoint::Roots,
        ["folders", folder] => Endpoint::Folder(number(folder)?),
        ["folders", folder, kind] => Endpoint::Start(Kind::of(kind)?, number(folder)?),
        ["jobs", kind, job] => Endpoint::Job(Kind::of(kind)?, Seq(number(job)?)),
        ["files", file, "download"] => Endpoint::Download(number(file)?),
        _ => return None,
    };
    // HEAD must not have the side effect of starting a job.
    let is_start = matches!(endpoint, Endpoint::Start(..));
    Some(match *method {
        Method::GET => Ok(endpoint),
        Method::HEAD if !is_start => Ok(endpoint),
        _ if is_start => Err("GET, OPTIONS"),
        _ => Err("GET, HEAD, OPTIONS"),
    })
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
    fn each_path_maps_to_one_endpoint() {
        let check = |path: &str, expected| {
            let segments: Vec<_> = path.split('/').collect();
            assert_eq!(endpoint_at(&Method::GET, &segments), expected, "{path}");
        };
        check("folders", Some(Ok(Endpoint::Roots)));
        check("folders/7", Some(Ok(Endpoint::Folder(7))));
        check("folders/7/zip", Some(Ok(Endpoint::Start(Kind::Zip, 7))));
        check("folders/7/copy", Some(Ok(Endpoint::Start(Kind::Copy, 7))));
        check("jobs/zip/9", Some(Ok(Endpoint::Job(Kind::Zip, Seq(9)))));
        check("files/8/download", Some(Ok(Endpoint::Download(8))));
        for nothing in [
            "folders/x",
            "folders/-1",
            "folders/7/move",
            "jobs/zip",
            "jobs/zip/",
            "files/8",
        ] {
            check(nothing, None);
        }
        let head = |path: &str| endpoint_at(&Method::HEAD, &path.split('/').collect::<Vec<_>>());
        assert_eq!(head("folders/7/zip"), Some(Err("GET, OPTIONS")));
        assert_eq!(head("folders/7"), Some(Ok(Endpoint::Folder(7))));
        let post = endpoint_at(&Method::POST, &["folders"]);
        assert_eq!(post, Some(Err("GET, HEAD, OPTIONS")));
    }

    #[test]
    fn polls_are_held_longer_each_time() {
        let hold_times =
            [0, 1, 2, 3, 20, 21, 22, u32::MAX].map(|polls| hold_time(polls).as_millis());
        assert_eq!(hold_times, [0, 0, 500, 1000, 9500, 10_000, 10_000, 10_000]);
    }
}
