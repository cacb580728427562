//! The paths that a client asked to zip.

/// A source and its name in the archive.
pub(in crate::operations) struct Top {
    pub(in crate::operations) path: String,
    pub(in crate::operations) name: String,
}
