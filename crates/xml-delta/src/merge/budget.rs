//! Limits the size of the output: where marks would exceed it, elements are written whole for each version.

use crate::tree::Tree;

/// The maximum size of the output, relative to the longest version,
const MAX_GROWTH: usize = 6;
/// or to all versions together, if that is more,
const MAX_GROWTH_OF_SUM: usize = 3;
/// plus this many bytes, so that marks are never given up in small documents.
const FREE_BYTES: usize = 16 << 10;

/// Which elements are written whole.
#[derive(Debug, Clone, Copy)]
enum Policy {
    /// None.
    Never,
    /// Elements that differ in white space only, if their marks are longer than their versions.
    WhiteSpaceOnly,
    /// Elements whose marks are this many bytes longer than their versions.
    Excess(usize),
}

/// The policies in the order in which they are tried.
const POLICIES: [Policy; 5] = [
    Policy::Never,
    Policy::WhiteSpaceOnly,
    Policy::Excess(2048),
    Policy::Excess(256),
    Policy::Excess(0),
];

/// The size limit and the current policy.
pub(super) struct Budget {
    /// Bytes of the longest version.
    pub(super) longest: usize,
    /// Maximum bytes of output for each byte of the longest version.
    max_growth: usize,
    policy: usize,
    /// A later policy would shorten at least one element.
    may_help: bool,
}

impl Budget {
    /// The budget of these documents.
    pub(super) fn new(trees: &[Tree]) -> Self {
        let lengths = trees.iter().map(|tree| tree.source.len());
        let longest = lengths.clone().max().unwrap_or(0);
        let sum: usize = lengths.sum();
        Self {
            longest,
            max_growth: MAX_GROWTH.max(MAX_GROWTH_OF_SUM * sum / longest.max(1)),
            policy: 0,
            may_help: false,
        }
    }

    /// Moves to the next policy; returns false if there is none.
    pub(super) fn tighten(&mut self) -> bool {
        self.may_help = false;
        if self.policy + 1 == POLICIES.len() {
            return false;
        }
        self.policy += 1;
        true
    }

    /// Whether the output is too long or will be; `done` counts the bytes of the longest version that are covered.
    pub(super) fn is_spent(&self, written: usize, done: usize) -> bool {
        let is_too_long = |whole: usize| written > whole * self.max_growth + FREE_BYTES;
        // Stop early if the marks are as long as a version already and grow at this pace.
        self.may_help
            && (is_too_long(self.longest) || (written > done + self.longest && is_too_long(done)))
    }

    /// Whether to write an element whole for each version. `written` is its size with marks, `whole` that of all its
    /// versions.
    pub(super) fn prefers_whole(
        &mut self,
        written: usize,
        whole: usize,
        is_white_space_only: bool,
    ) -> bool {
        let excess = written.saturating_sub(whole * 5 / 4);
        let is_whole = match POLICIES[self.policy] {
            Policy::Never => false,
            Policy::WhiteSpaceOnly => is_white_space_only && excess > 0,
            Policy::Excess(bytes) => excess > bytes,
        };
        let is_last = self.policy + 1 == POLICIES.len();
        self.may_help |= !is_whole && !is_last && excess > 0;
        is_whole
    }
}
