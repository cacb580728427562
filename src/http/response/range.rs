//! Range requests (RFC 9110, section 14). Pure.

use std::ops::Range;

/// What a Range header asks of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) enum Wanted {
    /// All of it: there is no header, or one that is not understood, or one with several ranges of which one is there.
    Whole,
    /// These bytes, of which there is at least one.
    Part(Range<u64>),
    /// Bytes that are not there.
    Nothing,
}

/// Reads a Range header for a result of `size` bytes.
pub(in crate::http) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some((unit, set)) = header.and_then(|header| header.split_once('=')) else {
        return Wanted::Whole;
    };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return Wanted::Whole;
    }
    let several = set.contains(',');
    let ranges = set.split(',').map(str::trim);
    // Empty members of a list count for nothing.
    let ranges = ranges.filter(|range| !several || !range.is_empty());
    let ranges: Option<Vec<_>> = ranges.map(|range| one(range, size)).collect();
    match ranges.as_deref() {
        None | Some([]) => Wanted::Whole,
        Some(all) if all.iter().all(Range::is_empty) => Wanted::Nothing,
        Some([part]) => Wanted::Part(part.clone()),
        Some(_) => Wanted::Whole,
    }
}

/// What one range of a header asks of a result of `size` bytes; none if it is not understood.
fn one(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    match (number(first).ok()?, number(last).ok()?) {
        (Some(first), last) if last.is_none_or(|last| last >= first) => {
            Some(first..last.map_or(size, |last| last.saturating_add(1).min(size)))
        }
        (None, Some(suffix)) => Some(size.saturating_sub(suffix)..size),
        _ => None,
    }
}

/// The text is no number.
struct NotANumber;

/// A number, or none where there is no text.
fn number(text: &str) -> Result<Option<u64>, NotANumber> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NotANumber);
    }
    // What is too large for us is larger than any result.
    Ok((!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_rfc_9110_says() {
        let check = |header: &str, expected: Wanted| {
            assert_eq!(wanted(Some(header), 100), expected, "{header}");
        };
        check("bytes=0-0", Wanted::Part(0..1));
        check("bytes=0-", Wanted::Part(0..100));
        check("bytes=99-", Wanted::Part(99..100));
        check("bytes=10-19", Wanted::Part(10..20));
        check("bytes=90-1000", Wanted::Part(90..100));
        check("bytes=-10", Wanted::Part(90..100));
        check("bytes=-1000", Wanted::Part(0..100));
        check("Bytes = 5-6", Wanted::Part(5..7));
        check("bytes=5-6,", Wanted::Part(5..7));
        check("bytes=0-99999999999999999999999999", Wanted::Part(0..100));
        for nothing in [
            "bytes=100-",
            "bytes=100-200",
            "bytes=-0",
            "bytes=99999999999999999999999999-",
            "bytes=100-, 200-300",
        ] {
            check(nothing, Wanted::Nothing);
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
            check(whole, Wanted::Whole);
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
        assert_eq!(wanted(None, 100), Wanted::Whole);
    }
}
