//! Limits the size of the output by giving up marks.

use crate::tree::Tree;

/// An element is written whole for each version if its marks take this many bytes more than its versions. If the
/// output is still too long, the next value applies.
const SLACKS: [usize; 3] = [2048, 256, 0];
/// The maximum size of the output, in tenths of the longest version, for documents that are not tiny.
const TOO_LONG: usize = 29;
const SCRAP: usize = 2048;

/// The size limit and the marks given up so far.
pub(super) struct Budget {
    /// Bytes of the longest version.
    pub(super) longest: usize,
    tries: usize,
    /// A smaller slack would shorten at least one element.
    may_help: bool,
}

impl Budget {
    /// The budget of these documents.
    pub(super) fn new(trees: &[Tree]) -> Self {
        let lengths = trees.iter().map(|tree| tree.source.len());
        Self {
            longest: lengths.max().unwrap_or(0),
            tries: 0,
            may_help: false,
        }
    }

    /// Moves to the next slack; whether there is one.
    pub(super) fn tighten(&mut self) -> bool {
        self.tries += 1;
        self.may_help = false;
        self.tries < SLACKS.len()
    }

    /// Whether the output is too long or will be; `done` counts the bytes of the longest version that are covered.
    pub(super) fn is_spent(&self, written: usize, done: usize) -> bool {
        if !self.may_help || self.longest <= SCRAP {
            return false;
        }
        let is_too_long = |written: usize, whole: usize| written > whole / 10 * TOO_LONG;
        // Stop early if the marks are as long as a version already and grow at this pace.
        is_too_long(written, self.longest)
            || (written > done + self.longest && is_too_long(written, done))
    }

    /// Whether to write an element whole for each version.
    pub(super) fn prefers_whole(&mut self, written: usize, whole: usize) -> bool {
        let excess = written.saturating_sub(whole * 5 / 4);
        let is_whole = excess > SLACKS[self.tries];
        let shorter = &SLACKS[self.tries + 1..];
        self.may_help |= !is_whole && shorter.iter().any(|&slack| excess > slack);
        is_whole
    }
}
