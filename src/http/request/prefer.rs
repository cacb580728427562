//! The `Prefer` header (RFC 7240). Pure.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName};

/// The longest wait for a result; longer ones are reduced to it.
const MAX_WAIT: Duration = Duration::from_secs(55);

pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The preferences that the server honors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Preferences {
    /// `respond-async`: a response without waiting, which is the default.
    pub(crate) respond_async: bool,
    /// `wait=N`: the result, if the job ends within N seconds; at most 55.
    pub(crate) wait: Option<Duration>,
}

impl Preferences {
    /// Reads the header. Unknown and invalid preferences are ignored, and the first of duplicates counts.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let mut preferences = Self::default();
        let values = headers
            .get_all(PREFER)
            .iter()
            .filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split(',')) {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("respond-async") && value.is_empty() {
                preferences.respond_async = true;
            } else if name.eq_ignore_ascii_case("wait") && preferences.wait.is_none() {
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                let seconds = digits.then(|| value.parse().unwrap_or(u64::MAX));
                preferences.wait =
                    seconds.map(|seconds| Duration::from_secs(seconds).min(MAX_WAIT));
            }
        }
        preferences
    }

    /// The value of `Preference-Applied`, if any preference applies.
    pub(crate) fn applied(self) -> Option<String> {
        let wait = self.wait.map(|wait| format!("wait={}", wait.as_secs()));
        let respond_async = self.respond_async.then(|| "respond-async".to_owned());
        let applied: Vec<_> = respond_async.into_iter().chain(wait).collect();
        (!applied.is_empty()).then(|| applied.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_preferences_are_honored_and_others_ignored() {
        let check = |values: &[&str], applied: Option<&str>| {
            let values = values
                .iter()
                .map(|value| (PREFER, value.parse().expect("a value")));
            let preferences = Preferences::of(&values.collect());
            assert_eq!(preferences.applied().as_deref(), applied, "{preferences:?}");
        };
        check(&[], None);
        check(&["respond-async"], Some("respond-async"));
        check(
            &["Respond-Async; foo=1, WAIT = 10"],
            Some("respond-async, wait=10"),
        );
        check(
            &["respond-async", "wait=\"5\""],
            Some("respond-async, wait=5"),
        );
        check(&["wait=100"], Some("wait=55"));
        check(&["wait=99999999999999999999999"], Some("wait=55"));
        check(&["wait=0"], Some("wait=0"));
        check(&["wait=7, wait=9"], Some("wait=7"));
        check(&["wait"], None);
        check(&["wait=-1"], None);
        check(&["wait=1.5, return=minimal, handling=lenient"], None);
    }
}
