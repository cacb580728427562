//! How long the document may become, and what is given up to keep it so.

use crate::tree::Tree;

/// An element whose marks take this many bytes more than all versions of it goes out whole, in each version. Where the
/// document becomes too long all the same, the next of these counts.
const SLACKS: [usize; 3] = [2048, 256, 0];
/// A document is too long that has more than so many tenths of the longest version's bytes, if that is no mere scrap.
const TOO_LONG: usize = 29;
const SCRAP: usize = 2048;

/// What may be written.
pub(super) struct Budget {
    /// Bytes of the longest version.
    pub(super) longest: usize,
    tries: usize,
    /// An element was met that a shorter slack may make shorter.
    may_help: bool,
}

impl Budget {
    /// For a document that is made of these.
    pub(super) fn new(trees: &[Tree]) -> Self {
        let lengths = trees.iter().map(|tree| tree.source.len());
        Self {
            longest: lengths.max().unwrap_or(0),
            tries: 0,
            may_help: false,
        }
    }

    /// Gives up more; whether there was more to give up.
    pub(super) fn tighten(&mut self) -> bool {
        self.tries += 1;
        self.may_help = false;
        self.tries < SLACKS.len()
    }

    /// Whether so many bytes are too many, or will be: `done` of the longest version's are in them.
    pub(super) fn is_spent(&self, written: usize, done: usize) -> bool {
        if !self.may_help || self.longest <= SCRAP {
            return false;
        }
        let is_too_long = |written: usize, whole: usize| written > whole / 10 * TOO_LONG;
        // It need not go on to the end where marks are as long as a version already, and get longer at this pace.
        is_too_long(written, self.longest)
            || (written > done + self.longest && is_too_long(written, done))
    }

    /// Whether an element is better written whole, in each version, than with so many bytes of marks and content.
    pub(super) fn prefers_whole(&mut self, written: usize, whole: usize) -> bool {
        let excess = written.saturating_sub(whole * 5 / 4);
        let is_whole = excess > SLACKS[self.tries];
        let shorter = &SLACKS[self.tries + 1..];
        self.may_help |= !is_whole && shorter.iter().any(|&slack| excess > slack);
        is_whole
    }
}
