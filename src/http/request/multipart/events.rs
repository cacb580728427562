//! Forms with files, `multipart/form-data` (RFC 2046, RFC 7578), as a stream of parts. Pure: bytes in, events out.
//!
//! [`Reader`](super::Reader) finds the parts, [`Head`](super::Head) is what the headers of one say, `disposition` reads `Content-Disposition` as
//! real clients write it. `http::form` feeds them and decides what a part becomes.
//!
//! **Every length is bounded, except that of a part's content**, which the caller counts. A form that is over a limit
//! is refused as soon as the limit is passed, with at most [`HEAD_BYTES`](super::limits::HEAD_BYTES) and one chunk held.

use crate::http::request::media_type::TooLong;
use crate::http::request::multipart::limits::{
    BOUNDARY_BYTES, EPILOGUE_BYTES, FIELD_NAME_BYTES, FILE_NAME_BYTES, HEAD_BYTES, HEADERS, PARTS,
    PREAMBLE_BYTES,
};

/// Why a form cannot be read, as a sentence without its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Error {
    /// `Content-Type` has none.
    #[error(
        "its Content-Type has no boundary; HTTP libraries add one when they are given the form and no Content-Type"
    )]
    NoBoundary,
    /// `Content-Type` has two.
    #[error("its Content-Type has more than one boundary")]
    ManyBoundaries,
    /// It is too long.
    #[error("its boundary is longer than {BOUNDARY_BYTES} bytes")]
    LongBoundary,
    /// The first bytes hold no delimiter.
    #[error(
        "no part begins within the first {PREAMBLE_BYTES} bytes; the boundary in the Content-Type has to be the one in the body, {0:?}"
    )]
    NoPart(String),
    /// The first delimiter is followed by LF alone.
    #[error("its lines end in LF; they have to end in CRLF")]
    BareLineFeed,
    /// The body ends before the last delimiter.
    #[error("it ends before its closing delimiter, \"--{0}--\"")]
    Truncated(String),
    /// Too many parts.
    #[error("it has more than {PARTS} parts")]
    ManyParts,
    /// Too many bytes of headers.
    #[error("the headers of a part are longer than {HEAD_BYTES} bytes")]
    LongHead,
    /// Too many headers.
    #[error("a part has more than {HEADERS} headers")]
    ManyHeaders,
    /// Bytes after the last delimiter.
    #[error("more than {EPILOGUE_BYTES} bytes follow its closing delimiter")]
    LongEpilogue,
    /// A line that is no header.
    #[error("a header of a part is malformed: {0}")]
    Header(&'static str),
    /// A part that does not say which field it is.
    #[error("a part has no name; it needs `Content-Disposition: form-data; name=\"...\"`")]
    NoName,
    /// A field's name is too long.
    #[error("the name of a field is longer than {FIELD_NAME_BYTES} bytes")]
    LongFieldName,
    /// A file's name is too long.
    #[error("the name of a file is longer than {FILE_NAME_BYTES} bytes")]
    LongFileName,
    /// The media type of a part is too long.
    #[error(transparent)]
    LongMediaType(#[from] TooLong),
    /// Files of one field in a form of their own.
    #[error("a part is itself multipart; send each file as a part of its own")]
    Nested,
    /// Content that would have to be decoded.
    #[error("a part has the Content-Transfer-Encoding {0:?}; send its bytes as they are")]
    TransferEncoding(String),
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
