//! Trace context (W3C Trace Context, level 1): the trace that a job belongs to.

use serde::{Deserialize, Serialize};

/// The length of a `traceparent` of version 00, in bytes.
const TRACEPARENT_BYTES: usize = 55;
/// The longest `tracestate` that is kept, in bytes. The specification requires at least this much.
const TRACESTATE_BYTES: usize = 512;
/// The largest number of entries of a `tracestate`.
const TRACESTATE_ENTRIES: usize = 32;
/// The longest key and the longest value of an entry, in bytes.
const ENTRY_PART_BYTES: usize = 256;

/// The trace that a job belongs to, for [`JobOptions::trace`](crate::JobOptions::trace). It is passed on unchanged to
/// commands, callbacks and the requests that the job makes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceContext {
    traceparent: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
}

impl TraceContext {
    /// The trace context of the values of the headers `traceparent` and `tracestate`. `None` if `traceparent` is invalid.
    /// An invalid `tracestate` is ignored, and so are the last entries of one that is too long.
    ///
    /// A `traceparent` of a later version than 00 becomes one of version 00.
    ///
    /// ```
    /// # use cloakroom::job::TraceContext;
    /// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    /// let trace = TraceContext::new(parent, "vendor=1").expect("valid");
    /// assert_eq!(trace.traceparent(), parent);
    /// ```
    pub fn new(traceparent: &str, tracestate: &str) -> Option<Self> {
        Some(Self {
            traceparent: parse_parent(traceparent.trim())?,
            tracestate: parse_state(tracestate),
        })
    }

    /// The value of the header `traceparent`.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The value of the header `tracestate`.
    pub fn tracestate(&self) -> Option<&str> {
        self.tracestate.as_deref()
    }

    /// Approximate size of the memory that this uses, in bytes.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.traceparent.len() + self.tracestate.as_ref().map_or(0, String::len)
    }
}

fn parse_parent(text: &str) -> Option<String> {
    let known = text.get(..TRACEPARENT_BYTES)?;
    let later = &text[TRACEPARENT_BYTES..];
    let mut parts = known.split('-');
    let mut next = |length: usize| {
        let part = parts.next()?;
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (part.len() == length && part.bytes().all(is_hex)).then_some(part)
    };
    let (version, trace, parent, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    let is_zero = |id: &str| id.bytes().all(|digit| digit == b'0');
    if is_zero(trace) || is_zero(parent) {
        return None;
    }
    match version {
        "00" => later.is_empty().then(|| known.to_owned()),
        "ff" => None,
        // Only the flag "sampled" means the same in later versions.
        _ if later.is_empty() || later.starts_with('-') => {
            let flags = u8::from_str_radix(flags, 16).ok()? & 1;
            Some(format!("00-{trace}-{parent}-{flags:02x}"))
        }
        _ => None,
    }
}

fn parse_state(text: &str) -> Option<String> {
    let entries = text.split(',').map(|entry| entry.trim_matches([' ', '\t']));
    let entries: Vec<_> = entries.filter(|entry| !entry.is_empty()).collect();
    if entries.len() > TRACESTATE_ENTRIES || !entries.iter().all(|entry| is_entry(entry)) {
        return None;
    }
    let mut state = String::new();
    for entry in entries {
        if state.len() + entry.len() + 1 > TRACESTATE_BYTES {
            break;
        }
        if !state.is_empty() {
            state.push(',');
        }
        state.push_str(entry);
    }
    (!state.is_empty()).then_some(state)
}

fn is_entry(entry: &str) -> bool {
    let Some((key, value)) = entry.split_once('=') else {
        return false;
    };
    let is_key =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(&byte);
    let is_value = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=ENTRY_PART_BYTES).contains(&key.len())
        && (1..=ENTRY_PART_BYTES).contains(&value.len())
        && key.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && key.bytes().all(is_key)
        && value.bytes().all(is_value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn traceparent_is_validated() {
        let check = |text: &str, expected: Option<&str>| {
            let trace = TraceContext::new(text, "");
            assert_eq!(
                trace.as_ref().map(TraceContext::traceparent),
                expected,
                "{text}"
            );
        };
        check(PARENT, Some(PARENT));
        check(
            &PARENT.replacen("-01", "-00", 1),
            Some(&PARENT.replacen("-01", "-00", 1)),
        );
        check(&PARENT.replacen("00", "cc", 1), Some(PARENT));
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff";
        check(later, Some(PARENT));
        check(&format!("{later}-more"), Some(PARENT));
        check(&format!("{later}.more"), None);
        for bad in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-"),
            &format!("{PARENT}0"),
            &PARENT.to_uppercase(),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &PARENT.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &PARENT.replace("4bf9", "4bg9"),
            &PARENT.replace("-01", "_01"),
            &PARENT.replace("4bf9", "4b\u{e9}9"),
        ] {
            check(bad, None);
        }
    }

    #[test]
    fn tracestate_is_kept_if_it_is_valid() {
        let check = |text: &str, expected: Option<&str>| {
            let trace = TraceContext::new(PARENT, text).expect("a valid traceparent");
            assert_eq!(trace.tracestate(), expected, "{text}");
        };
        check("", None);
        check("a=1", Some("a=1"));
        check(" a=1 ,, b@c=2 3\t", Some("a=1,b@c=2 3"));
        check("0a_-*/=~!", Some("0a_-*/=~!"));
        for bad in [
            "a", "a=", "=1", "A=1", "a b=1", "-a=1", "a=1=2", "a=\u{e9}", "a=1,b",
        ] {
            check(bad, None);
        }
        let many = |n: usize| vec!["a=1"; n].join(",");
        check(&many(32), Some(&many(32)));
        check(&many(33), None);
        let long = format!("a={},b={},c=1", "x".repeat(250), "y".repeat(250));
        check(&format!("{long},d={}", "z".repeat(200)), Some(&long));
        check(&format!("a={}", "x".repeat(257)), None);
    }
}
