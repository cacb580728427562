//! Limits on forms, apart from the contents of parts. Each is many times larger than what real clients send.

/// The longest boundary, in bytes. RFC 2046 allows 70.
pub(crate) const BOUNDARY_BYTES: usize = 200;
/// The longest preamble, in bytes. Mail libraries put a sentence there.
pub(crate) const PREAMBLE_BYTES: usize = 4 * 1024;
/// The longest epilogue, in bytes.
pub(crate) const EPILOGUE_BYTES: usize = 4 * 1024;
/// The largest number of parts in a form, and of fields in a URL-encoded form.
pub(crate) const PARTS: usize = 10_000;
/// The longest headers of one part together, in bytes.
pub(crate) const HEAD_BYTES: usize = 8 * 1024;
/// The largest number of headers of one part.
pub(crate) const HEADERS: usize = 32;
/// The longest name of a field, in bytes.
pub(crate) const FIELD_NAME_BYTES: usize = 256;
/// The longest name of a file, in bytes, including a path if the client sends one.
pub(crate) const FILE_NAME_BYTES: usize = 1024;
/// The longest padding with spaces and tabs after a boundary, in bytes.
pub(crate) const PADDING_BYTES: usize = 64;
