//! Conditional and range requests (RFC 9110, sections 13 and 14), for everything that has bytes or versions to hand out.
//!
//! Headers are read as bytes, since an entity tag may hold any above ASCII, and a list may come on several lines. A
//! validator that cannot be understood matches nothing, which is the safe side of each condition. Dates are not looked at:
//! nothing here has a `Last-Modified`.

use std::ops::Range;

use http::header::{
    CONTENT_RANGE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use http::{Method, StatusCode};

use crate::http::response::problem::Problem;
use crate::http::response::range::{Wanted, wanted};
use crate::http::response::reply::header;
use crate::job::Version;

/// Whether the conditions of a GET or HEAD request hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Conditions {
    /// They do: the request is answered as if there were none.
    Hold,
    /// The client has what it asks for.
    NotModified,
}

/// What is sent of something.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) struct Selected {
    /// 200 or 206.
    pub(in crate::http) status: StatusCode,
    /// The bytes.
    pub(in crate::http) range: Range<u64>,
    /// Which they are, where they are not all.
    pub(in crate::http) content_range: Option<HeaderValue>,
}

/// Evaluates If-Match and If-None-Match for something whose strong entity tag is `tag`, without its quotes, or that has
/// none.
///
/// # Errors
/// 412 where If-Match names other tags.
pub(in crate::http) fn evaluate(
    headers: &HeaderMap,
    tag: Option<&str>,
) -> Result<Conditions, Problem> {
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
            "If-Match does not name the ETag that this has now.",
        ));
    }
    if Tags::of(headers, &IF_NONE_MATCH).is_some_and(|tags| is_named(&tags, true)) {
        return Ok(Conditions::NotModified);
    }
    Ok(Conditions::Hold)
}

/// Selects what a request wants of something that has `size` bytes, and a strong entity tag or none.
///
/// # Errors
/// 416 where none of the bytes are there.
pub(in crate::http) fn select(
    method: &Method,
    headers: &HeaderMap,
    tag: Option<&str>,
    size: u64,
) -> Result<Selected, Problem> {
    let header_text = match lines(headers, &RANGE)[..] {
        // A range of something else than the client has begun with would not fit: then it gets all of it.
        [range] if *method == Method::GET && if_range_holds(headers, tag) => {
            std::str::from_utf8(range).ok()
        }
        _ => None,
    };
    match wanted(header_text, size) {
        Wanted::Whole => Ok(Selected {
            status: StatusCode::OK,
            range: 0..size,
            content_range: None,
        }),
        Wanted::Part(range) => {
            let last = range.end.saturating_sub(1);
            let content_range = header(&format!("bytes {}-{last}/{size}", range.start));
            Ok(Selected {
                status: StatusCode::PARTIAL_CONTENT,
                range,
                content_range: Some(content_range),
            })
        }
        Wanted::Nothing => {
            let problem = Problem::new(
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range_not_satisfiable",
                format!("The Range header asks for none of the {size} bytes that there are."),
            );
            Err(problem.with(CONTENT_RANGE, header(&format!("bytes */{size}"))))
        }
    }
}

/// Which version of a job the client has, as If-None-Match says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Seen {
    /// Whatever version there is (`*`).
    Any,
    /// This one. What is none of ours stands for one before all of them.
    Version(Version),
}

impl Seen {
    /// What a request says; none where it does not.
    pub(in crate::http) fn of(headers: &HeaderMap) -> Option<Self> {
        const NONE_OF_OURS: Version = Version(0);
        let tags = match Tags::of(headers, &IF_NONE_MATCH)? {
            Tags::Any => return Some(Self::Any),
            Tags::These(tags) => tags,
        };
        let versions = tags.iter().filter_map(|tag| {
            let hex = std::str::from_utf8(tag.opaque).ok()?;
            i64::from_str_radix(hex, 16).ok().map(Version)
        });
        // Of several the latest: a version never comes back.
        Some(Self::Version(versions.max().unwrap_or(NONE_OF_OURS)))
    }

    /// Whether the client has this version.
    pub(in crate::http) fn has(self, version: Version) -> bool {
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

/// The lines of a header, without white space around them.
fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Vec<&'h [u8]> {
    let lines = headers.get_all(name).iter();
    lines.map(|line| line.as_bytes().trim_ascii()).collect()
}

/// What If-Match or If-None-Match names.
#[derive(Debug, PartialEq, Eq)]
enum Tags<'h> {
    /// `*`: whatever there is.
    Any,
    These(Vec<Tag<'h>>),
}

#[derive(Debug, PartialEq, Eq)]
struct Tag<'h> {
    weak: bool,
    opaque: &'h [u8],
}

impl<'h> Tags<'h> {
    /// None where there is no such header.
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

/// Adds the tags of a list; members that are none are passed over. A tag may hold a comma.
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
    fn only_any_matches_what_has_no_tag() {
        for (value, matches) in [("*", true), ("\"\"", false), ("\"a\"", false)] {
            let given = |name| headers(&[(name, value.as_bytes())]);
            assert_eq!(evaluate(&given(IF_MATCH), None).is_ok(), matches, "{value}");
            let none = evaluate(&given(IF_NONE_MATCH), None).ok();
            assert_eq!(none == Some(Conditions::NotModified), matches, "{value}");
        }
    }

    #[test]
    fn range_is_sent_only_of_what_if_range_names() {
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
    fn latest_version_named_is_the_one_seen() {
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
