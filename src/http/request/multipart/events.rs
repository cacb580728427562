//! The error of a malformed form.

use crate::http::request::media_type::TooLong;
use crate::http::request::multipart::limits::{
    BOUNDARY_BYTES, EPILOGUE_BYTES, FIELD_NAME_BYTES, FILE_NAME_BYTES, HEAD_BYTES, HEADERS, PARTS,
    PREAMBLE_BYTES,
};

/// The reason why a form cannot be read. Messages have no subject and no final period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// `Content-Type` has no boundary.
    #[error(
        "its Content-Type has no boundary; HTTP libraries add one when they are given the form and no Content-Type"
    )]
    NoBoundary,
    /// `Content-Type` has more than one boundary.
    #[error("its Content-Type has more than one boundary")]
    ManyBoundaries,
    /// The boundary is too long.
    #[error("its boundary is longer than {BOUNDARY_BYTES} bytes")]
    LongBoundary,
    /// The first bytes contain no delimiter.
    #[error(
        "no part begins within the first {PREAMBLE_BYTES} bytes; the body must begin with the boundary from the Content-Type, {0:?}"
    )]
    NoPart(String),
    /// The first delimiter is followed by LF alone.
    #[error("its lines end in LF; end them with CRLF")]
    BareLineFeed,
    /// The body ends before the last delimiter.
    #[error("it ends before its closing delimiter, \"--{0}--\"")]
    Truncated(String),
    /// The form has too many parts.
    #[error("it has more than {PARTS} parts")]
    ManyParts,
    /// The headers of a part are too long.
    #[error("the headers of a part are longer than {HEAD_BYTES} bytes")]
    LongHead,
    /// A part has too many headers.
    #[error("a part has more than {HEADERS} headers")]
    ManyHeaders,
    /// Too many bytes follow the last delimiter.
    #[error("more than {EPILOGUE_BYTES} bytes follow its closing delimiter")]
    LongEpilogue,
    /// A header of a part is malformed.
    #[error("a header of a part is malformed: {0}")]
    Header(&'static str),
    /// A part has no field name.
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
    /// A part is a nested form.
    #[error("a part is itself multipart; send each file as a part of its own")]
    Nested,
    /// The content of a part is encoded.
    #[error("a part has the Content-Transfer-Encoding {0:?}; send its bytes as they are")]
    TransferEncoding(String),
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
