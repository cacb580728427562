//! Range requests (RFC 9110, section 14). Pure.

use std::ops::Range;

/// The part of some content that a Range header asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RequestedRange {
    /// All bytes: the header is absent, malformed, or names several ranges of which at least one is satisfiable.
    Whole,
    /// One range with at least one byte.
    Part(Range<u64>),
    /// Only ranges outside of the content.
    Unsatisfiable,
}

/// Reads a Range header for content of `size` bytes.
pub(crate) fn requested_range(header: Option<&str>, size: u64) -> RequestedRange {
    let Some((unit, set)) = header.and_then(|header| header.split_once('=')) else {
        return RequestedRange::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return RequestedRange::Whole;
    }
    let several = set.contains(',');
    let ranges = set.split(',').map(str::trim);
    // Empty members of a list are ignored.
    let ranges = ranges.filter(|range| !several || !range.is_empty());
    let ranges: Option<Vec<_>> = ranges.map(|range| parse_range(range, size)).collect();
    match ranges.as_deref() {
        None | Some([]) => RequestedRange::Whole,
        Some(all) if all.iter().all(Range::is_empty) => RequestedRange::Unsatisfiable,
        Some([part]) => RequestedRange::Part(part.clone()),
        Some(_) => RequestedRange::Whole,
    }
}

/// One range of a header, clipped to `size` bytes; `None` if it is malformed.
fn parse_range(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    match (number(first).ok()?, number(last).ok()?) {
        (Some(first), last) if last.is_none_or(|last| last >= first) => {
            Some(first..last.map_or(size, |last| last.saturating_add(1).min(size)))
        }
        (None, Some(suffix)) => Some(size.saturating_sub(suffix)..size),
        _ => None,
    }
}

/// The text is not a number.
struct NotANumber;

/// A number, or `None` for an empty text.
fn number(text: &str) -> Result<Option<u64>, NotANumber> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotANumber);
    }
    // A number that does not fit is larger than any content.
    Ok((!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn range_headers_are_read_per_rfc_9110() {
        let check = |header: &str, expected: RequestedRange| {
            assert_eq!(requested_range(Some(header), 100), expected, "{header}");
        };
        check("bytes=0-0", RequestedRange::Part(0..1));
        check("bytes=0-", RequestedRange::Part(0..100));
        check("bytes=99-", RequestedRange::Part(99..100));
        check("bytes=10-19", RequestedRange::Part(10..20));
        check("bytes=90-1000", RequestedRange::Part(90..100));
        check("bytes=-10", RequestedRange::Part(90..100));
        check("bytes=-1000", RequestedRange::Part(0..100));
        check("Bytes = 5-6", RequestedRange::Part(5..7));
        check("bytes=5-6,", RequestedRange::Part(5..7));
        check(
            "bytes=0-99999999999999999999999999",
            RequestedRange::Part(0..100),
        );
        for unsatisfiable in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999999999-",
            "bytes=100-, 200-300",
        ] {
            check(unsatisfiable, RequestedRange::Unsatisfiable);
        }
        for whole in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=2-1",
            "bytes=0-1,5-6",
            "bytes=0-1, 100-",
            "bytes=100-, 2-1",
            "bytes=,",
            "lines=0-1",
            "bytes=+1-2",
        ] {
            check(whole, RequestedRange::Whole);
        }
        assert_eq!(
            requested_range(Some("bytes=0-"), 0),
            RequestedRange::Unsatisfiable
        );
        assert_eq!(requested_range(None, 100), RequestedRange::Whole);
    }
}
