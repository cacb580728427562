//! Conditional and range requests (RFC 9110, sections 13 and 14) for downloads and for versions of jobs.
//!
//! The crate `headers` reads the same headers, but does not give out the tags of a list, which [`Seen`] needs, and rejects
//! a whole list or range for what RFC 9110 tells a server to ignore.
//!
//! Headers are read as bytes, because an entity tag may contain bytes above ASCII and a list may span several lines. A
//! malformed validator matches nothing, which is the safe outcome of each condition. Dates are ignored: no response has
//! `Last-Modified`.

use std::ops::Range;

use http::header::{
    CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{Method, StatusCode};

use crate::http::response::problem::Problem;
use crate::http::response::range::{RequestedRange, requested_range};
use crate::http::response::reply::header;
use crate::job::Version;

/// Whether the conditions of a GET or HEAD request hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conditions {
    /// The conditions hold or there are none: the request is answered in full.
    Hold,
    /// The client already has the current version: the answer is 304.
    NotModified,
}

/// The part of some content that a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Selected {
    /// The status of the response, 200 or 206.
    pub(crate) status: StatusCode,
    /// The offsets of the bytes.
    pub(crate) range: Range<u64>,
    /// The value of `Content-Range`, for a 206 response.
    pub(crate) content_range: Option<HeaderValue>,
}

/// Evaluates If-Match and If-None-Match against the strong entity tag `tag`, given without quotes. Without a tag only `*`
/// matches.
///
/// # Errors
/// 412 if If-Match does not match.
pub(crate) fn evaluate(headers: &HeaderMap, tag: Option<&str>) -> Result<Conditions, Problem> {
    let is_named = |tags: &Tags<'_>, weakly: bool| match tags {
        Tags::Any => true,
        Tags::These(tags) => tags.iter().any(|one| {
            (weakly || !one.weak) && tag.is_some_and(|tag| one.opaque == tag.as_bytes())
        }),
    };
    if Tags::of(headers, &IF_MATCH).is_some_and(|tags| !is_named(&tags, false)) {
        return Err(Problem::new(
            StatusCode::PRECONDITION_FAILED,
            "precondition_failed",
            "The ETag in If-Match is not the current one. Fetch the resource again to get it.",
        ));
    }
    if Tags::of(headers, &IF_NONE_MATCH).is_some_and(|tags| is_named(&tags, true)) {
        return Ok(Conditions::NotModified);
    }
    Ok(Conditions::Hold)
}

/// Selects the part that a request asks for of content with `size` bytes and the strong entity tag `tag`, if it has one.
///
/// # Errors
/// 416 if the requested range lies outside of the content.
pub(crate) fn select(
    method: &Method,
    headers: &HeaderMap,
    tag: Option<&str>,
    size: u64,
) -> Result<Selected, Problem> {
    let header_text = match lines(headers, &RANGE)[..] {
        // If-Range protects a client from joining ranges of two versions: with another version it gets all bytes.
        [range] if *method == Method::GET && if_range_holds(headers, tag) => {
            std::str::from_utf8(range).ok()
        }
        _ => None,
    };
    match requested_range(header_text, size) {
        RequestedRange::Whole => Ok(Selected {
            status: StatusCode::OK,
            range: 0..size,
            content_range: None,
        }),
        RequestedRange::Part(range) => {
            let last = range.end.saturating_sub(1);
            let content_range = header(&format!("bytes {}-{last}/{size}", range.start));
            Ok(Selected {
                status: StatusCode::PARTIAL_CONTENT,
                range,
                content_range: Some(content_range),
            })
        }
        RequestedRange::Unsatisfiable => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                format!("The Range header selects none of the {size} bytes."),
            );
            Err(problem.with(CONTENT_RANGE, header(&format!("bytes */{size}"))))
        }
    }
}

/// The version of a job that the client has, from If-None-Match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Any version (`*`).
    Any,
    /// This version. A tag that this server did not make stands for a version before the first.
    Version(Version),
}

impl Seen {
    /// Reads If-None-Match; `None` if there is no such header.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        const BEFORE_THE_FIRST: Version = Version(0);
        let tags = match Tags::of(headers, &IF_NONE_MATCH)? {
            Tags::Any => return Some(Self::Any),
            Tags::These(tags) => tags,
        };
        let versions = tags.iter().filter_map(|tag| {
            let hex = std::str::from_utf8(tag.opaque).ok()?;
            i64::from_str_radix(hex, 16).ok().map(Version)
        });
        // Versions only grow, so the latest one is the one that may be current.
        Some(Self::Version(versions.max().unwrap_or(BEFORE_THE_FIRST)))
    }

    /// Whether the client has this version.
    pub(crate) fn has(self, version: Version) -> bool {
        match self {
            Self::Any => true,
            Self::Version(seen) => seen == version,
        }
    }
}

/// Whether If-Range is absent or names the one strong tag.
fn if_range_holds(headers: &HeaderMap, tag: Option<&str>) -> bool {
    match lines(headers, &IF_RANGE)[..] {
        [] => true,
        [line] => {
            let text = line.strip_prefix(b"\"").and_then(|l| l.strip_suffix(b"\""));
            text.is_some() && text == tag.map(str::as_bytes)
        }
        _ => false,
    }
}

/// The lines of a header, trimmed.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h [u8]> {
    let lines = headers.get_all(name).iter();
    lines.map(|line| line.as_bytes().trim_ascii()).collect()
}

/// The entity tags in If-Match or If-None-Match.
#[derive(Debug, PartialEq, Eq)]
enum Tags<'h> {
    /// `*`: any representation.
    Any,
    /// The tags of a list.
    These(Vec<Tag<'h>>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag<'h> {
    weak: bool,
    opaque: &'h [u8],
}

impl<'h> Tags<'h> {
    /// Reads a header; `None` if there is no such header.
    fn of(headers: &'h HeaderMap, name: &HeaderName) -> Option<Self> {
        if !headers.contains_key(name) {
            return None;
        }
        let lines = lines(headers, name);
        if lines == [b"*"] {
            return Some(Self::Any);
        }
        let mut tags = Vec::new();
        for line in lines {
            push_tags(&mut tags, line);
        }
        Some(Self::These(tags))
    }
}

/// Adds the tags of a list and skips malformed members. A tag may contain a comma.
fn push_tags<'h>(tags: &mut Vec<Tag<'h>>, line: &'h [u8]) {
    let mut rest = line;
    loop {
        let (weak, text) = match rest.strip_prefix(b"W/") {
            Some(text) => (true, text),
            None => (false, rest),
        };
        let quoted = text.strip_prefix(b"\"").and_then(|text| {
            let end = text.iter().position(|&b| b == b'"')?;
            Some((&text[..end], text[end + 1..].trim_ascii_start()))
        });
        match quoted {
            Some((opaque, after)) if after.is_empty() || after.starts_with(b",") => {
                tags.push(Tag { weak, opaque });
                rest = after;
            }
            _ => {}
        }
        let Some(comma) = rest.iter().position(|&b| b == b',') else {
            return;
        };
        rest = rest[comma + 1..].trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(HeaderName, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value).expect("a header");
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn tag_lists_match_strongly_or_weakly() {
        let check = |lines: &[&[u8]], strongly: bool, weakly: bool| {
            let named = |name: &HeaderName| {
                let all: Vec<_> = lines.iter().map(|line| (name.clone(), *line)).collect();
                evaluate(&headers(&all), Some("a,é"))
            };
            assert_eq!(named(&IF_MATCH).is_ok(), strongly, "{lines:?}");
            let expected = if weakly {
                Conditions::NotModified
            } else {
                Conditions::Hold
            };
            assert_eq!(named(&IF_NONE_MATCH).ok(), Some(expected), "{lines:?}");
        };
        let tag = "\"a,é\"".as_bytes();
        check(&[tag], true, true);
        check(&[b"*"], true, true);
        check(&[b" * "], true, true);
        check(&["W/\"a,é\"".as_bytes()], false, true);
        check(&["\"x\" , ,\"a,é\"".as_bytes()], true, true);
        check(&[b"\"x\"", tag], true, true);
        check(&["x, \"y\"z, \"a,é\",".as_bytes()], true, true);
        for other in [
            &[&b""[..]][..],
            &[b","],
            &[b"*", b"\"x\""],
            &[b"*, \"x\""],
            &[b"\"a\""],
            &[b"\"caf\xe9\""],
            &["a,é".as_bytes()],
            &["\"a,é".as_bytes()],
            &["\"a,é\"x".as_bytes()],
            &["w/\"a,é\"".as_bytes()],
        ] {
            check(other, false, false);
        }
    }

    #[test]
    fn only_the_wildcard_matches_content_without_a_tag() {
        for (value, matches) in [("*", true), ("\"\"", false), ("\"a\"", false)] {
            let given = |name| headers(&[(name, value.as_bytes())]);
            assert_eq!(evaluate(&given(IF_MATCH), None).is_ok(), matches, "{value}");
            let none = evaluate(&given(IF_NONE_MATCH), None).ok();
            assert_eq!(none == Some(Conditions::NotModified), matches, "{value}");
        }
    }

    #[test]
    fn range_is_ignored_unless_if_range_names_the_current_tag() {
        let check = |lines: &[(HeaderName, &[u8])], tag: Option<&str>, expected: u16| {
            let selected = select(&Method::GET, &headers(lines), tag, 10);
            let status = selected.map_or(416, |selected| selected.status.as_u16());
            assert_eq!(status, expected, "{lines:?}");
        };
        let range = (RANGE, &b"bytes=3-"[..]);
        let tag = Some("a");
        check(&[], tag, 200);
        check(std::slice::from_ref(&range), tag, 206);
        check(&[range.clone(), (IF_RANGE, b"\"a\"")], tag, 206);
        for other in [
            &b"\"b\""[..],
            b"a",
            b"W/\"a\"",
            b"*",
            b"\"caf\xe9\"",
            b"\"a\", \"b\"",
            b"Sat, 28 Nov 2026 18:00:00 GMT",
            b"",
        ] {
            check(&[range.clone(), (IF_RANGE, other)], tag, 200);
            check(&[range.clone(), (IF_RANGE, other)], None, 200);
        }
        check(
            &[range.clone(), (IF_RANGE, b"\"a\""), (IF_RANGE, b"\"a\"")],
            tag,
            200,
        );
        check(&[range.clone(), range.clone()], tag, 200);
        check(&[(RANGE, b"bytes=3-\xe9")], tag, 200);
        check(&[(RANGE, b"bytes=10-")], tag, 416);
        let head = select(&Method::HEAD, &headers(&[range]), tag, 10);
        assert_eq!(head.map_or(0, |head| head.status.as_u16()), 200);
    }

    #[test]
    fn latest_version_in_if_none_match_counts() {
        let seen = |lines: &[&[u8]]| {
            let lines: Vec<_> = lines.iter().map(|line| (IF_NONE_MATCH, *line)).collect();
            Seen::of(&headers(&lines))
        };
        assert_eq!(seen(&[]), None);
        assert_eq!(seen(&[b"*"]), Some(Seen::Any));
        let version = |version| Some(Seen::Version(Version(version)));
        assert_eq!(seen(&[b"W/\"1f\""]), version(0x1f));
        assert_eq!(seen(&[b"\"2\"", b"\"x\", W/\"a\", \"3\""]), version(10));
        assert_eq!(seen(&[b"\"\xe9\""]), version(0));
        assert_eq!(seen(&[b"5"]), version(0));
    }
}
