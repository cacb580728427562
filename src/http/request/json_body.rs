//! JSON bodies: media types, byte order marks and charsets. Pure.

use encoding_rs::Encoding;
use http::StatusCode;
use mime::Mime;
use serde_json::{Value, json};

use crate::http::request::body_reader::unsupported;
use crate::http::response::problem::Problem;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const UTF_16_MARKS: [&[u8]; 2] = [b"\xFF\xFE", b"\xFE\xFF"];

/// Whether a media type without parameters is JSON.
pub(crate) fn is_json(essence: &str) -> bool {
    essence.parse::<Mime>().is_ok_and(|media_type| {
        media_type.type_() == mime::APPLICATION
            && (media_type.subtype() == mime::JSON || media_type.suffix() == Some(mime::JSON))
    })
}

/// Parses a body. An empty body is an empty object, and a UTF-8 byte order mark is skipped. `charset` is the charset in
/// `Content-Type`. JSON has to be UTF-8 (RFC 8259, section 8.1), but ASCII text is the same in most charsets.
///
/// # Errors
/// 400 if the body is not JSON, 415 if it is not in UTF-8.
pub(crate) fn parse(bytes: &[u8], charset: Option<&str>) -> Result<Value, Problem> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let is_utf_16 = UTF_16_MARKS.iter().any(|mark| text.starts_with(mark));
    if is_utf_16 || charset.is_some_and(|charset| !is_readable(text, charset)) {
        let sent = charset.filter(|_| !is_utf_16).unwrap_or("UTF-16");
        return Err(unsupported(format!(
            "The body is JSON in {sent}. Send it in UTF-8."
        )));
    }
    if text.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(text).map_err(|error| {
        let detail = format!("The body is not JSON: {error}.");
        Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    })
}

/// Whether a text in this charset means the same in UTF-8.
fn is_readable(text: &[u8], charset: &str) -> bool {
    match Encoding::for_label(charset.as_bytes()) {
        Some(encoding) if encoding == encoding_rs::UTF_8 => true,
        Some(encoding) => encoding.is_ascii_compatible() && text.is_ascii(),
        // UTF-32, for example, or an unknown name.
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_accepted_only_in_utf_8_or_ascii() {
        let check = |bytes: &[u8], charset: Option<&str>, expected: Result<Value, u16>| {
            let found = parse(bytes, charset).map_err(|problem| problem.status().as_u16());
            assert_eq!(found, expected, "{bytes:?} {charset:?}");
        };
        check(b"", None, Ok(json!({})));
        check(BYTE_ORDER_MARK, None, Ok(json!({})));
        check(
            b"\xEF\xBB\xBF{\"a\":\"\xC3\xA9\"}",
            None,
            Ok(json!({ "a": "\u{e9}" })),
        );
        check(b"[1]", Some("UTF-8"), Ok(json!([1])));
        check(b"[1]", Some("utf8"), Ok(json!([1])));
        check(b"[1]", Some("us-ascii"), Ok(json!([1])));
        check(b"[1]", Some("ISO-8859-1"), Ok(json!([1])));
        check(b"[\"\xE9\"]", Some("ISO-8859-1"), Err(415));
        check(b"[\"\xE9\"]", None, Err(400));
        check(b"[\0\x31\0]\0", Some("utf-16"), Err(415));
        check(b"[1]", Some("utf-16le"), Err(415));
        check(b"\xFF\xFE[\0\x31\0]\0", None, Err(415));
        check(b"[1]", Some("utf-32"), Err(415));
        check(b"{", None, Err(400));
        let deep = "[".repeat(100_000);
        check(deep.as_bytes(), None, Err(400));
    }

    #[test]
    fn json_media_types_include_the_json_suffix() {
        for json in ["application/json", "application/merge-patch+json"] {
            assert!(is_json(json), "{json}");
        }
        for other in [
            "text/json",
            "application/jsonx",
            "image/x+json",
            "application/xml",
        ] {
            assert!(!is_json(other), "{other}");
        }
    }
}
