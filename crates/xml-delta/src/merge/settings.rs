//! Settings and counts of a merge.

use crate::options::{Additions, MatchOptions, Mode};
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
    pub(crate) matching: MatchOptions,
    /// Where versions count as equal, the output has the last version's content.
    pub(crate) takes_last: bool,
    pub(crate) moves: bool,
    pub(crate) additions: Additions,
    /// Prefixes that were unified.
    pub(crate) original_prefixes: Vec<OriginalPrefix>,
    /// Namespaces and root elements that were renamed, as attributes of the delta's root element.
    pub(crate) renamed: Vec<(&'static str, String)>,
}

impl Settings {
    /// Whether the root element states the order of the versions.
    pub(crate) fn has_version_order(&self) -> bool {
        self.content_type.starts_with("merge")
    }
}

/// The number of differences and conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Places where versions differ.
    pub changes: u64,
    /// Places that several versions changed differently.
    pub conflicts: u64,
}
