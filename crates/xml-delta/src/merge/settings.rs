//! What a merge is told, and what it counts.

use crate::options::{Mode, Whitespace};

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Everything, with marks where versions differ.
    Full,
    /// The same, without the content of what all have.
    ChangesOnly,
    /// Every change that only one side made, and marks where there were several.
    Merged,
}

/// How versions are put together.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) form: Form,
    pub(crate) mode: Mode,
    pub(crate) content_type: &'static str,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    /// How much of one element's content is laid out at once.
    pub(crate) window: usize,
    pub(crate) moves: bool,
    /// The root says in which order the versions are.
    pub(crate) version_order: bool,
}

/// How many places differ, and at how many of them nobody can say what is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Places where versions differ.
    pub changes: u64,
    /// Places that several versions changed differently.
    pub conflicts: u64,
}
