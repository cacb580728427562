//! Query strings. Pure.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use http::request::Parts;

use crate::http::response::problem::Problem;
use crate::operations::InvalidParam;

/// The longest wait for a job.
const MAX_WAIT: Duration = Duration::from_secs(55);

/// The names and values of a query, decoded, in order.
pub(crate) fn pairs(request: &Parts) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
}

/// The first value with a name.
pub(crate) fn value<'a>(request: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    pairs(request)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// Parses a duration: `20s`, `1h 30m`, or a number of seconds without a unit.
///
/// # Errors
/// The error of `humantime` if the text is neither.
pub(crate) fn duration(text: &str) -> Result<Duration, humantime::DurationError> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        // Parsing fails only if the number is too large.
        return Ok(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    humantime::parse_duration(text)
}

/// The wait that a query asks for, as in `wait=20s`: at most 55 s, and none for HEAD.
///
/// # Errors
/// 422 if `wait` is not a duration.
pub(crate) fn wait(request: &Parts) -> Result<Option<Duration>, Problem> {
    if request.uri.query().is_none() {
        return Ok(None);
    }
    let Some(text) = value(request, "wait") else {
        return Ok(None);
    };
    let wait = duration(&text)
        .map_err(|e| fault("wait", format!("{text:?} is not a duration like 20s: {e}.")))?;
    Ok((request.method != http::Method::HEAD).then(|| wait.min(MAX_WAIT)))
}

/// The rejection of one query parameter.
pub(crate) fn fault(name: &str, detail: impl Into<String>) -> Problem {
    faults(vec![InvalidParam {
        pointer: format!("?{name}"),
        detail: detail.into(),
    }])
}

/// The rejection of query parameters.
pub(crate) fn faults(faults: Vec<InvalidParam>) -> Problem {
    let detail = "The query is invalid; see \"errors\".";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail).with_faults(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_seconds_are_durations() {
        let check = |text: &str, expected: Option<u64>| {
            let found = duration(text).ok().map(|found| found.as_secs());
            assert_eq!(found, expected, "{text}");
        };
        check("5", Some(5));
        check("0", Some(0));
        check("20s", Some(20));
        check("1h 30m", Some(5400));
        check("99999999999999999999999", Some(u64::MAX));
        for malformed in ["", " ", "-5", "5x", "+5", "\u{665}"] {
            check(malformed, None);
        }
    }
}
