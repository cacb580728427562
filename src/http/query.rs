//! Query strings. Pure.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use http::request::Parts;

use super::problem::Problem;
use crate::operations::Fault;

/// The longest that a request waits for a job.
const WAIT_AT_MOST: Duration = Duration::from_secs(55);

/// A query's names and values, decoded, in order.
pub(super) fn pairs(request: &Parts) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(request.uri.query().unwrap_or_default().as_bytes())
}

/// The first value under a name.
pub(super) fn value<'a>(request: &'a Parts, name: &str) -> Option<Cow<'a, str>> {
    pairs(request)
        .find(|(key, _)| key == name)
        .map(|(_, value)| value)
}

/// How long a request is willing to wait: `wait=20s`, at most 55 s. HEAD never waits.
pub(super) fn patience(request: &Parts) -> Result<Option<Duration>, Problem> {
    if request.uri.query().is_none() {
        return Ok(None);
    }
    let Some(text) = value(request, "wait") else {
        return Ok(None);
    };
    let patience = duration(&text)
        .ok_or_else(|| fault("wait", format!("{text:?} is not a duration like 20s.")))?;
    Ok((request.method != http::Method::HEAD).then(|| patience.min(WAIT_AT_MOST)))
}

/// A whole number and its unit: ms, s, m or h. One rule that the API's description can tell, so not all that people write.
fn duration(text: &str) -> Option<Duration> {
    const DIGITS: usize = 9;
    let (digits, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    if digits.len() > DIGITS {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(60 * number),
        "h" => Duration::from_secs(60 * 60 * number),
        _ => return None,
    })
}

/// Something is wrong with one query parameter.
pub(super) fn fault(name: &str, detail: impl Into<String>) -> Problem {
    faults(vec![Fault {
        pointer: format!("?{name}"),
        detail: detail.into(),
    }])
}

/// Something is wrong with query parameters.
pub(super) fn faults(faults: Vec<Fault>) -> Problem {
    let detail = "The query is not valid; errors says where.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail).with_faults(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let ms = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(ms("0s"), Some(0));
        assert_eq!(ms("20s"), Some(20_000));
        assert_eq!(ms("250ms"), Some(250));
        assert_eq!(ms("2m"), Some(120_000));
        assert_eq!(ms("999999999h"), Some(3_599_999_996_400_000));
        for refused in [
            "",
            "0",
            "20",
            "s",
            "1x",
            "1 s",
            "-1s",
            "+1s",
            "1.5s",
            "1m30s",
            "9999999999s",
            "1S",
        ] {
            assert_eq!(ms(refused), None, "{refused}");
        }
    }
}
