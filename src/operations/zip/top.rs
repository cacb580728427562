//! The sources that a client asked to zip.

/// A source and its name in the archive.
pub(super) struct Top {
    pub(super) path: String,
    pub(super) name: String,
}
