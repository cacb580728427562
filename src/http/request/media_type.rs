//! The media type of a body or of a part of a form, from `Content-Type`. Pure.

use mime::Mime;

use crate::header_params;

/// The longest media type without parameters, and the longest charset, in bytes. RFC 6838 allows 127 on either side of
/// the slash.
const MEDIA_TYPE_BYTES: usize = 255;

/// A media type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MediaType {
    /// Type and subtype in lower case.
    pub(crate) essence: String,
    /// The value of the parameter `charset`.
    pub(crate) charset: Option<String>,
}

/// The error of a `Content-Type` that is longer than any media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Content-Type is longer than {MEDIA_TYPE_BYTES} bytes")]
pub(crate) struct TooLong;

impl MediaType {
    /// Parses a `Content-Type`; `None` if it is malformed.
    ///
    /// # Errors
    /// [`TooLong`] if the type or the charset is too long.
    pub(crate) fn parse(content_type: &str) -> Result<Option<Self>, TooLong> {
        let essence = essence(content_type);
        let charset = header_params::charset(content_type);
        let charset_bytes = charset.as_ref().map_or(0, String::len);
        if essence.len().max(charset_bytes) > MEDIA_TYPE_BYTES {
            return Err(TooLong);
        }
        // `mime` accepts an empty subtype.
        let parsed = essence.parse::<Mime>();
        let is_valid = parsed.is_ok_and(|parsed| parsed.subtype() != "");
        Ok(is_valid.then_some(Self { essence, charset }))
    }

    /// The type of arbitrary bytes.
    pub(crate) fn unknown() -> Self {
        Self {
            essence: "application/octet-stream".into(),
            charset: None,
        }
    }
}

/// Type and subtype of a `Content-Type`, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_split_and_bounded() {
        let check = |content_type: &str, expected: Option<(&str, Option<&str>)>| {
            let found = MediaType::parse(content_type).expect("a short type");
            let found = found
                .as_ref()
                .map(|found| (&*found.essence, found.charset.as_deref()));
            assert_eq!(found, expected, "{content_type}");
        };
        check("Text/XML ; charset=x", Some(("text/xml", Some("x"))));
        check("image/svg+xml", Some(("image/svg+xml", None)));
        for malformed in ["", "text", "text/", "/xml", "text/x ml", "a/b/c"] {
            check(malformed, None);
        }
        let long = format!("text/{}", "x".repeat(MEDIA_TYPE_BYTES));
        assert_eq!(MediaType::parse(&long), Err(TooLong));
        let long = format!("text/xml; charset={}", "x".repeat(MEDIA_TYPE_BYTES + 1));
        assert_eq!(MediaType::parse(&long), Err(TooLong));
    }
}
