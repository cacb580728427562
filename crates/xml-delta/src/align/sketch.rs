//! Sketches of subtrees: the lowest hashes of their features, which estimate how much two subtrees have in common.

use std::rc::Rc;

use hashbrown::HashMap;

use crate::hashes::{Hashing, mix};
use crate::tokens;
use crate::tree::{Kind, Tree};

/// Number of features in a sketch.
const MAX_FEATURES: usize = 64;
/// Features are pruned when this many were collected.
const PRUNE_FEATURES: usize = 16 * MAX_FEATURES;
/// Sketches of subtrees with at least this many nodes are kept, so that no node is visited often.
const CACHED_NODES: u32 = 128;
/// Number of sketches that are kept.
const MAX_CACHED: usize = 1 << 16;
/// Number of nodes that are visited when no more sketches can be kept.
const MAX_VISITED: u32 = 4096;

/// The sketch of a subtree.
#[derive(Debug, Default)]
pub(super) struct Sketch {
    /// The lowest features, in ascending order.
    pub(super) features: Vec<u64>,
    /// There are more features than these.
    is_partial: bool,
}

impl Sketch {
    /// The similarity of two subtrees in thousandths: what they share of both, or of the smaller one.
    pub(super) fn similarity(&self, other: &Self) -> u64 {
        // Up to the last feature of a partial sketch, both sketches are complete.
        let last = |sketch: &Self| {
            sketch
                .features
                .last()
                .copied()
                .filter(|_| sketch.is_partial)
        };
        let limit = last(self)
            .unwrap_or(u64::MAX)
            .min(last(other).unwrap_or(u64::MAX));
        let within = |sketch: &Self| sketch.features.partition_point(|&one| one <= limit);
        let (ones, others) = (within(self), within(other));
        let common = overlap(&self.features[..ones], &other.features[..others]) as u64;
        let (less, more) = (ones.min(others) as u64, ones.max(others) as u64);
        if more == 0 {
            return FULL_SIMILARITY;
        }
        let similarity = 2 * FULL_SIMILARITY * common / (less + more);
        if less < MIN_CONTAINED {
            return similarity;
        }
        // An element that is contained in the other is similar however much was added.
        similarity.max(FULL_SIMILARITY * common / less * 4 / 5)
    }
}

/// The similarity of equal subtrees.
pub(super) const FULL_SIMILARITY: u64 = 1000;
/// Number of features that a subtree must have to count as contained in another.
const MIN_CONTAINED: u64 = 6;

/// Sketches that may be needed again, by tree and node.
#[derive(Debug, Default)]
pub(crate) struct SketchCache {
    sketches: HashMap<(usize, u32), Rc<Sketch>>,
}

/// Features of a subtree that is being visited.
struct Collector {
    node: u32,
    end: u32,
    features: Vec<u64>,
    is_partial: bool,
}

impl Collector {
    fn new(node: u32, end: u32) -> Self {
        Self {
            node,
            end,
            features: Vec::new(),
            is_partial: false,
        }
    }

    fn push(&mut self, feature: u64) {
        self.features.push(feature);
        if self.features.len() >= PRUNE_FEATURES {
            self.prune();
        }
    }

    fn extend(&mut self, sketch: &Sketch) {
        self.is_partial |= sketch.is_partial;
        for &feature in &sketch.features {
            self.push(feature);
        }
    }

    fn prune(&mut self) {
        self.features.sort_unstable();
        self.features.dedup();
        self.is_partial |= self.features.len() > MAX_FEATURES;
        self.features.truncate(MAX_FEATURES);
    }

    fn finish(mut self) -> Sketch {
        self.prune();
        Sketch {
            features: self.features,
            is_partial: self.is_partial,
        }
    }

    /// Adds the features of a node itself.
    fn visit(&mut self, hashing: &Hashing, tree: &Tree, node: u32) {
        match tree.node(node).kind() {
            Kind::Text | Kind::Comment => {
                let tokens = tokens::tokens(tree.text(node));
                for word in tokens.filter(|token| tokens::is_word(token)) {
                    self.push(hashing.str(word));
                }
            }
            Kind::Element(_) => {
                for attribute in tree.attributes(node) {
                    let name = u64::from(attribute.name.0);
                    let value = tree.str(attribute.value);
                    self.push(hashing.pair(name, value));
                }
            }
            Kind::Instruction => self.push(tree.exact[node as usize]),
        }
    }
}

impl SketchCache {
    /// Returns the sketch of a subtree.
    pub(super) fn sketch(&mut self, hashing: &Hashing, tree: &Tree, node: u32) -> Rc<Sketch> {
        if let Some(sketch) = self.sketches.get(&(tree.index, node)) {
            return sketch.clone();
        }
        let last = if self.sketches.len() < MAX_CACHED {
            tree.node(node).end
        } else {
            tree.node(node).end.min(node + MAX_VISITED)
        };
        let mut open = Vec::new();
        let mut top = Collector::new(node, last);
        top.visit(hashing, tree, node);
        let mut next = node + 1;
        loop {
            while next >= top.end {
                let (number, sketch) = (top.node, Rc::new(top.finish()));
                if last - number >= CACHED_NODES || number != node {
                    self.sketches.insert((tree.index, number), sketch.clone());
                }
                match open.pop() {
                    Some(outer) => top = outer,
                    None => return sketch,
                }
                top.extend(&sketch);
            }
            let end = tree.node(next).end.min(last);
            if tree.node(next).is_element() {
                top.push(mix(CHILD, tree.exact[next as usize]));
            }
            if end - next < CACHED_NODES {
                top.visit(hashing, tree, next);
                next += 1;
            } else if let Some(sketch) = self.sketches.get(&(tree.index, next)) {
                top.extend(sketch);
                next = end;
            } else {
                open.push(std::mem::replace(&mut top, Collector::new(next, end)));
                top.visit(hashing, tree, next);
                next += 1;
            }
        }
    }
}

/// Distinguishes features of whole elements.
const CHILD: u64 = 7;

/// Counts the common elements of two ascending lists.
fn overlap(one: &[u64], other: &[u64]) -> usize {
    let (mut i, mut j, mut count) = (0, 0, 0);
    while i < one.len() && j < other.len() {
        match one[i].cmp(&other[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                i += 1;
                j += 1;
                count += 1;
            }
        }
    }
    count
}
