//! Hashes of subtrees, bottom up: one of the content exactly, one of it but for white space.
//!
//! They are seeded with the documents themselves: the same documents always give the same result, and nobody can make
//! two that are taken for each other without knowing what they will be compared with.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::chars::{is_blank, is_space};
use super::error::Error;
use super::tree::{Kind, Tree};
use super::{Progress, Step, Watcher};

/// Nodes between two looks at the watcher.
const TICK: usize = 1 << 16;

/// Hashes that can be compared with each other.
#[derive(Debug)]
pub(crate) struct Hashing {
    seed: FixedState,
}

/// Folds one number into another: order matters.
pub(crate) fn mix(one: u64, other: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let wide = u128::from(one ^ ODD) * u128::from(other ^ 0xd6e8_feb8_6659_fd93);
    ((wide >> 64) as u64 ^ wide as u64)
        .rotate_left(23)
        .wrapping_add(one)
}

const TEXT: u64 = 1;
const COMMENT: u64 = 2;
const INSTRUCTION: u64 = 3;
const ELEMENT: u64 = 4;
const PRESERVED: u64 = 5;

impl Hashing {
    /// For these documents.
    pub(crate) fn of<'a>(sources: impl Iterator<Item = &'a str>) -> Self {
        let seed = sources.fold(0, |seed, source| {
            FixedState::with_seed(seed).hash_one(source)
        });
        Self {
            seed: FixedState::with_seed(seed),
        }
    }

    pub(crate) fn str(&self, text: &str) -> u64 {
        self.seed.hash_one(text)
    }

    /// Of a piece of text among its parent's children.
    pub(crate) fn text(&self, text: &str) -> u64 {
        mix(TEXT, self.str(text))
    }

    pub(crate) fn pair(&self, one: u64, text: &str) -> u64 {
        mix(one, self.str(text))
    }

    /// Fills in both hashes of every node. Where white space does not count, both are the same.
    pub(crate) fn fill(
        &self,
        tree: &mut Tree,
        is_loose: bool,
        watcher: &dyn Watcher,
    ) -> Result<(), Error> {
        let count = tree.nodes.len();
        tree.exact = vec![0; count];
        tree.loose = vec![0; count];
        let mut scratch = String::new();
        for number in (0..count as u32).rev() {
            let at = number as usize;
            if at.is_multiple_of(TICK)
                && !watcher.goes_on(Progress {
                    step: Step::Comparing,
                    done: 0,
                    total: 1,
                })
            {
                return Err(Error::stopped());
            }
            match tree.node(number).kind() {
                // Whether white space around it counts is known at its parent.
                Kind::Text => tree.exact[at] = self.text(tree.text(number)),
                Kind::Comment => tree.exact[at] = mix(COMMENT, self.str(tree.text(number))),
                Kind::Instruction => tree.exact[at] = mix(INSTRUCTION, self.str(tree.text(number))),
                Kind::Element(name) => {
                    let (exact, loose) =
                        self.element(tree, number, u64::from(name.0), &mut scratch);
                    tree.exact[at] = exact;
                    tree.loose[at] = loose;
                }
            }
            if !tree.node(number).is_element() {
                tree.loose[at] = tree.exact[at];
            }
        }
        if is_loose {
            tree.exact.clone_from(&tree.loose);
        }
        Ok(())
    }

    fn element(&self, tree: &mut Tree, number: u32, name: u64, scratch: &mut String) -> (u64, u64) {
        let mut own = 0_u64;
        for attribute in tree.attributes(number) {
            let value = self.str(tree.str(attribute.value));
            own = own.wrapping_add(mix(u64::from(attribute.name.0), value));
        }
        let mut exact = mix(mix(ELEMENT, name), own);
        if let Some(&key) = tree.keys.get(&number) {
            exact = self.pair(exact, tree.str(key));
        }
        // What is white space that counts is not what does not.
        let mut loose = if tree.node(number).is_preserved() {
            mix(exact, PRESERVED)
        } else {
            exact
        };
        let node = *tree.node(number);
        let mut child = number + 1;
        while child < node.end {
            let at = child as usize;
            exact = mix(exact, tree.exact[at]);
            let one = *tree.node(child);
            if one.is_text() && !one.is_preserved() {
                let ends = (child == number + 1, one.end == node.end);
                let own = self.loose_text(tree.text(child), node.is_mixed(), ends, scratch);
                tree.loose[at] = own.unwrap_or(tree.exact[at]);
                if let Some(own) = own {
                    loose = mix(loose, own);
                }
            } else {
                loose = mix(loose, tree.loose[at]);
            }
            child = one.end;
        }
        (exact, loose)
    }

    /// The hash of a text whose white space only separates; none if nothing is left of it.
    fn loose_text(
        &self,
        text: &str,
        is_mixed: bool,
        ends: (bool, bool),
        scratch: &mut String,
    ) -> Option<u64> {
        if !is_mixed && is_blank(text) {
            return None;
        }
        let spaces = text.as_bytes().windows(2);
        let is_wide = spaces
            .into_iter()
            .any(|two| is_space(two[0]) && is_space(two[1]))
            || text.bytes().any(|b| matches!(b, b'\t' | b'\n' | b'\r'))
            || (ends.0 && text.starts_with(' '))
            || (ends.1 && text.ends_with(' '));
        if !is_wide {
            return Some(self.text(text));
        }
        scratch.clear();
        collapse(text, ends, scratch);
        (!scratch.is_empty()).then(|| self.text(scratch))
    }
}

/// Appends a text with each run of white space as one space, and none at its start or end where `ends` says so.
pub(crate) fn collapse(text: &str, ends: (bool, bool), out: &mut String) {
    let begin = out.len();
    let spaces = [' ', '\t', '\n', '\r'];
    if (ends.0 || ends.1) && is_blank(text) {
        return;
    }
    if !ends.0 && text.starts_with(spaces) {
        out.push(' ');
    }
    for word in text.split(spaces).filter(|word| !word.is_empty()) {
        if out.len() > begin && !out.ends_with(' ') {
            out.push(' ');
        }
        out.push_str(word);
    }
    if !ends.1 && text.ends_with(spaces) && !out[begin..].ends_with(' ') {
        out.push(' ');
    }
}
