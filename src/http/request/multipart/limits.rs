//! How long the parts of a form may be, apart from their contents. All are many times what real clients send.

/// The boundary, in bytes. RFC 2046 allows 70.
pub(crate) const BOUNDARY_BYTES: usize = 200;
/// What precedes the first part, in bytes. Clients of mail libraries put a sentence there.
pub(crate) const PREAMBLE_BYTES: usize = 4 * 1024;
/// What follows the last part, in bytes.
pub(crate) const EPILOGUE_BYTES: usize = 4 * 1024;
/// Parts of one form; fields of a URL-encoded form as well.
pub(crate) const PARTS: usize = 10_000;
/// All headers of one part, in bytes.
pub(crate) const HEAD_BYTES: usize = 8 * 1024;
/// Headers of one part.
pub(crate) const HEADERS: usize = 32;
/// A field's name, in bytes.
pub(crate) const FIELD_NAME_BYTES: usize = 256;
/// A file's name, in bytes; with its path, where a client sends one.
pub(crate) const FILE_NAME_BYTES: usize = 1024;
/// Spaces and tabs between a boundary and the end of its line, in bytes.
pub(crate) const PADDING_BYTES: usize = 64;
