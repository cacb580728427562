//! State of an element that is being written.

use super::marks::Mask;
use super::plan::{ContentPlan, Group};
use super::windows::Windows;
use crate::align::Content;
use crate::names::{NameId, Scope};
use std::ops::Range;

/// An element that is being written.
pub(super) struct Frame {
    /// The current part of the content, and the index of its next operation.
    pub(super) plan: ContentPlan,
    pub(super) next: usize,
    /// The content that is not aligned yet.
    pub(super) pending: PendingContent,
    /// The versions that have the element.
    pub(super) mask: Mask,
    pub(super) name: NameId,
    pub(super) outer: Scope,
    /// Its content carries marks.
    pub(super) is_marked: bool,
    /// It is part of a conflict that is already counted.
    pub(super) in_conflict: bool,
    /// It has original positions.
    pub(super) has_positions: bool,
    pub(super) groups: Vec<Group>,
    /// The start in the output, and the number of unmatched nodes before it.
    pub(super) start: usize,
    pub(super) outer_unmatched: usize,
}

/// The content of an element that is not aligned yet.
pub(super) struct PendingContent {
    pub(super) content: Content,
    pub(super) is_unordered: bool,
    /// Common children at the start and the end, as nodes of the first version.
    pub(super) common_prefix: Range<u32>,
    pub(super) common_suffix: Range<u32>,
    pub(super) windows: Windows,
}

/// The parameters of a start tag.
pub(super) struct Opening<'o> {
    /// The versions that have the element.
    pub(super) mask: Mask,
    /// Additional attributes.
    pub(super) marks: &'o str,
    /// Its content carries marks.
    pub(super) is_marked: bool,
    /// It has original positions.
    pub(super) is_placed: bool,
    /// It is part of a conflict that is already counted.
    pub(super) in_conflict: bool,
}

impl Opening<'_> {
    /// An element of a merged document, in which only conflicts are marked.
    pub(super) fn unmarked(mask: Mask) -> Self {
        Self {
            mask,
            marks: "",
            is_marked: false,
            is_placed: false,
            in_conflict: false,
        }
    }
}

/// One half of a move.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    pub(super) number: u32,
    pub(super) is_target: bool,
}

/// A node that some versions lack.
pub(super) type Unmatched = (Mask, usize, u32);
