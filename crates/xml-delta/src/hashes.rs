//! Subtree hashes, computed bottom up: one of the exact content, and one that ignores insignificant white space.
//!
//! The hashes are seeded with the documents: results are reproducible, and collisions cannot be prepared without
//! knowing all documents.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::chars::{is_blank, is_space};
use super::error::Error;
use super::names::NameId;
use super::progress::{Progress, ProgressSink, Step};
use super::tree::{Kind, Tree};

/// Number of nodes between two progress reports.
const PROGRESS_INTERVAL: usize = 1 << 16;

/// A seeded hash function; only hashes of the same seed are comparable.
#[derive(Debug)]
pub(crate) struct Hashing {
    seed: FixedState,
}

/// Combines two hashes; the order matters.
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
const IGNORED: u64 = 6;

impl Hashing {
    /// A hash function seeded with these documents.
    pub(crate) fn seeded_by<'a>(sources: impl Iterator<Item = &'a str>) -> Self {
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

    /// The hash of a text node or a piece of text.
    pub(crate) fn text(&self, text: &str) -> u64 {
        mix(TEXT, self.str(text))
    }

    pub(crate) fn pair(&self, one: u64, text: &str) -> u64 {
        mix(one, self.str(text))
    }

    /// Computes both hashes of every node. With `is_loose`, both are the loose hash.
    pub(crate) fn fill(
        &self,
        tree: &mut Tree,
        is_loose: bool,
        sink: &dyn ProgressSink,
    ) -> Result<(), Error> {
        let count = tree.len();
        let mut exact = vec![0; count as usize];
        let mut loose = vec![0; count as usize];
        let mut scratch = String::new();
        for number in (0..count).rev() {
            let at = number as usize;
            if at.is_multiple_of(PROGRESS_INTERVAL)
                && sink
                    .progress(Progress {
                        step: Step::Comparing,
                        done: 0,
                        total: 1,
                    })
                    .is_break()
            {
                return Err(Error::stopped());
            }
            if let Kind::Element(name) = tree.node(number).kind() {
                if tree.ignored.contains(&number) {
                    exact[at] = mix(IGNORED, u64::from(name.0));
                    loose[at] = exact[at];
                    continue;
                }
                let own = self.start_tag(tree, number, name);
                exact[at] = fold(tree, number, own, &exact);
                loose[at] = self.loose(tree, number, own, &mut loose, &mut scratch);
            } else {
                // Whether white space is significant is known only at the parent.
                exact[at] = self.leaf(tree, number);
                loose[at] = exact[at];
            }
        }
        if is_loose {
            tree.exact = loose;
            return Ok(());
        }
        for (number, (&exact, &loose)) in (0..).zip(exact.iter().zip(&loose)) {
            if loose != exact {
                tree.loose.push(number, loose);
            }
        }
        tree.exact = exact;
        Ok(())
    }

    fn leaf(&self, tree: &Tree, number: u32) -> u64 {
        if let Some(&equal) = tree.equal_texts.get(&number) {
            return equal;
        }
        let text = tree.text(number);
        match tree.node(number).kind() {
            Kind::Comment => mix(COMMENT, self.str(text)),
            Kind::Instruction => mix(INSTRUCTION, self.str(text)),
            Kind::Text | Kind::Element(_) => self.text(text),
        }
    }

    /// The hash of an element's name, attributes and key.
    fn start_tag(&self, tree: &Tree, number: u32, name: NameId) -> u64 {
        let mut own = 0_u64;
        for at in tree.attribute_range(number) {
            let attribute = tree.attributes[at];
            let at = at as u32;
            if tree.ignored_attributes.contains(&at) {
                continue;
            }
            let equal = tree.equal_attributes.get(&at).copied();
            let value = equal.unwrap_or_else(|| self.str(tree.str(attribute.value)));
            own = own.wrapping_add(mix(u64::from(attribute.name.0), value));
        }
        let own = mix(mix(ELEMENT, u64::from(name.0)), own);
        match tree.keys.get(&number) {
            Some(&key) => self.pair(own, tree.str(key)),
            None => own,
        }
    }

    /// The loose hash of an element; also sets those of its text children, which depend on the element.
    fn loose(
        &self,
        tree: &Tree,
        number: u32,
        own: u64,
        loose: &mut [u64],
        scratch: &mut String,
    ) -> u64 {
        let node = tree.node(number);
        // Significant white space differs from insignificant white space.
        let mut hash = if node.is_preserved() {
            mix(own, PRESERVED)
        } else {
            own
        };
        for child in tree.children(number) {
            let one = tree.node(child);
            if tree.ignored.contains(&child) {
                continue;
            }
            if one.is_text() && !one.is_preserved() && !tree.equal_texts.contains_key(&child) {
                let ends = (child == number + 1, one.end == node.end);
                let text = self.loose_text(tree.text(child), node.is_mixed(), ends, scratch);
                let Some(text) = text else { continue };
                loose[child as usize] = text;
            }
            hash = mix(hash, loose[child as usize]);
        }
        hash
    }

    /// The hash of a text in which white space only separates words; `None` if nothing is left.
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

/// Combines the hash of a start tag with those of the children.
fn fold(tree: &Tree, number: u32, own: u64, hashes: &[u64]) -> u64 {
    let children = tree.children(number);
    let children = children.filter(|child| !tree.ignored.contains(child));
    children.fold(own, |hash, child| mix(hash, hashes[child as usize]))
}

/// Appends a text with each run of white space collapsed to one space, and removed at the start or end as `ends` says.
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
