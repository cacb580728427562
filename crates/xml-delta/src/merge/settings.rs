//! Settings and counts of a merge.

use crate::options::{Mode, Whitespace};
use crate::prefixes::OriginalPrefix;

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// All versions, with marks.
    Full,
    /// All versions, without the content of unchanged elements.
    ChangesOnly,
    /// One document with the changes of all versions; only conflicts are marked.
    Merged,
}

/// The settings of a merge.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) form: Form,
    pub(crate) mode: Mode,
    pub(crate) content_type: &'static str,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    /// Number of units of one element that are aligned at once.
    pub(crate) window: usize,
    pub(crate) moves: bool,
    /// The root element states the order of the versions.
    pub(crate) version_order: bool,
    /// Prefixes that were unified.
    pub(crate) original_prefixes: Vec<OriginalPrefix>,
}

/// The number of differences and conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Places where versions differ.
    pub changes: u64,
    /// Places that several versions changed differently.
    pub conflicts: u64,
}
