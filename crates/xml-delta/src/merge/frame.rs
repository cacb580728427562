//! An element that differs, from its start tag to its end.

use super::level::{Group, Level};
use super::marks::Mask;
use super::settings::Counts;
use super::windows::Windows;
use crate::align::Content;
use crate::names::{NameId, Scope};
use std::ops::Range;

/// An element that is being written.
pub(super) struct Frame {
    /// What is laid out of its content, and the next of it to be written.
    pub(super) level: Level,
    pub(super) next: usize,
    /// What is not laid out yet.
    pub(super) rest: Contents,
    /// Who has it.
    pub(super) mask: Mask,
    pub(super) name: NameId,
    pub(super) outer: Scope,
    /// What is in it carries marks.
    pub(super) is_marked: bool,
    /// It says where it was in each version.
    pub(super) is_placed: bool,
    pub(super) groups: Vec<Group>,
    /// Where it begins in what is written, and what was counted before it.
    pub(super) start: usize,
    pub(super) outer_counts: Counts,
}

/// What there is to lay out of an element's content.
pub(super) struct Contents {
    pub(super) content: Content,
    pub(super) is_orderless: bool,
    /// Children at either end that all versions have alike, of the first one.
    pub(super) head: Range<u32>,
    pub(super) tail: Range<u32>,
    pub(super) windows: Windows,
}

/// How an element begins.
pub(super) struct Opening<'o> {
    /// Who has it.
    pub(super) mask: Mask,
    /// More attributes.
    pub(super) marks: &'o str,
    /// What is in it carries marks.
    pub(super) is_marked: bool,
    /// It says where it was in each version.
    pub(super) is_placed: bool,
}

impl Opening<'_> {
    /// Of an element that is in what is merged, with marks only where something in it contradicts.
    pub(super) fn unmarked(mask: Mask) -> Self {
        Self {
            mask,
            marks: "",
            is_marked: false,
            is_placed: false,
        }
    }
}
