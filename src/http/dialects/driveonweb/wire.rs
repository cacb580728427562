//! driveonweb's polling jobs: addresses, lists and the state of a job. Dates are text, milliseconds since the epoch.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use crate::job::{Job, Outcome, Seq, State, WallMs};

/// How much longer each poll is held than the one before.
const HELD_MORE: Duration = Duration::from_millis(500);
/// The longest that a poll is held.
const HELD_AT_MOST: Duration = Duration::from_secs(10);

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// The roots.
    Roots,
    /// What is in a folder.
    Folder(i64),
    /// A job that works on a folder is to begin.
    Begin(Kind, i64),
    /// How a job is doing.
    Job(Kind, Seq),
    /// The bytes of a file or a result.
    Download(i64),
}

/// What polling jobs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Copy,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Zip, Self::Copy];

    /// The word for it, in addresses and among operations alike.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Zip => "zip",
            Self::Copy => "copy",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Where a job is polled, below the server's own path.
    pub(crate) fn polling_url(self, own_path: &str, seq: Seq) -> String {
        format!("{}/{}", self.polling_endpoint(own_path), seq.0)
    }

    fn polling_endpoint(self, own_path: &str) -> String {
        format!("{own_path}/rest/jobs/{}", self.word())
    }
}

/// The call at an address below `/rest`, by its segments; none where nothing is.
///
/// # Errors
/// The methods that the address takes, if this is none of them.
pub(crate) fn call(method: &Method, segments: &[&str]) -> Option<Result<Endpoint, &'static str>> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse::<i64>().ok()).flatten()
    };
    let call = match segments {
        ["folders"] => Endpoint::Roots,
        ["folders", folder] => Endpoint::Folder(number(folder)?),
        ["folders", folder, kind] => Endpoint::Begin(Kind::of(kind)?, number(folder)?),
        ["jobs", kind, job] => Endpoint::Job(Kind::of(kind)?, Seq(number(job)?)),
        ["files", file, "download"] => Endpoint::Download(number(file)?),
        _ => return None,
    };
    // What begins work is not looked at in passing.
    let is_begin = matches!(call, Endpoint::Begin(..));
    Some(match *method {
        Method::GET => Ok(call),
        Method::HEAD if !is_begin => Ok(call),
        _ if is_begin => Err("GET, OPTIONS"),
        _ => Err("GET, HEAD, OPTIONS"),
    })
}

/// A file or folder in a list.
pub(crate) fn entry(number: i64, name: &str, size: Option<u64>) -> Value {
    let kind = if size.is_some() { "file" } else { "folder" };
    json!({ "id": number, "name": name, "type": kind, "size": size.unwrap_or(0) })
}

/// The answer to whoever begins a job.
pub(crate) fn begun(location: &str) -> Value {
    json!({ "location": location })
}

/// How long the n-th poll is held, from 1.
pub(crate) fn held(polls: u32) -> Duration {
    (HELD_MORE * polls.saturating_sub(1)).min(HELD_AT_MOST)
}

/// A job that was polled so many times, this time at `now`; `result` is the number of what it made.
pub(crate) fn job(
    kind: Kind,
    job: &Job,
    polls: u32,
    now: WallMs,
    result: Option<i64>,
    own_path: &str,
) -> Value {
    let (state, polls, accessed) = match &job.state {
        State::Queued | State::Running { .. } => ("RUNNING", polls, Some(now.0.to_string())),
        State::Ended { outcome, .. } => match outcome {
            Outcome::Succeeded(_) => ("DONE", 0, None),
            Outcome::Failed(_) | Outcome::Canceled => ("FAILURE", 0, None),
        },
    };
    let word = kind.word();
    let mut shown = json!({
        "id": job.seq.0,
        "numberOfPolls": polls,
        "creationDate": job.created.0.to_string(),
        "lastAccessDate": accessed,
        "jobState": state,
        "jobType": word.to_ascii_uppercase(),
        "pollingEndpoint": kind.polling_endpoint(own_path),
        "pollingUrl": kind.polling_url(own_path, job.seq),
    });
    shown[format!("{word}Result")] = result.into();
    shown["type"] = format!("{word}PollingJob").into();
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_maps_to_one_endpoint() {
        let check = |path: &str, expected| {
            let segments: Vec<_> = path.split('/').collect();
            assert_eq!(call(&Method::GET, &segments), expected, "{path}");
        };
        check("folders", Some(Ok(Endpoint::Roots)));
        check("folders/7", Some(Ok(Endpoint::Folder(7))));
        check("folders/7/zip", Some(Ok(Endpoint::Begin(Kind::Zip, 7))));
        check("folders/7/copy", Some(Ok(Endpoint::Begin(Kind::Copy, 7))));
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
        let head = |path: &str| call(&Method::HEAD, &path.split('/').collect::<Vec<_>>());
        assert_eq!(head("folders/7/zip"), Some(Err("GET, OPTIONS")));
        assert_eq!(head("folders/7"), Some(Ok(Endpoint::Folder(7))));
        let post = call(&Method::POST, &["folders"]);
        assert_eq!(post, Some(Err("GET, HEAD, OPTIONS")));
    }

    #[test]
    fn polls_are_held_longer_each_time() {
        let held = [0, 1, 2, 3, 20, 21, 22, u32::MAX].map(|polls| held(polls).as_millis());
        assert_eq!(held, [0, 0, 500, 1000, 9500, 10_000, 10_000, 10_000]);
    }
}
