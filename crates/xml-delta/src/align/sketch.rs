//! Sketches of elements: features of their content, and an index of rare features.

use std::ops::Range;

use hashbrown::HashMap;

use super::matcher::Matcher;
use super::row::Unit;
use crate::hashes::mix;
use crate::tokens;
use crate::tree::{Kind, Tree};

/// Number of nodes and words of an element that are visited.
const MAX_VISITED: usize = 192;
/// Number of features in a sketch.
const MAX_FEATURES: usize = 48;
/// Features that more elements than this share are ignored.
const MAX_OWNERS: u32 = 12;
/// Number of candidates that are returned for each element.
const MAX_CANDIDATES: usize = 3;

/// The sketch of an element.
#[derive(Debug)]
pub(super) struct Sketch {
    pub(super) position: u32,
    pub(super) node: u32,
    pub(super) identity: Option<u64>,
    pub(super) size: usize,
    pub(super) has_children: bool,
    /// The range of its features in the shared list.
    features: Range<u32>,
}

/// The sketches of one side's elements.
#[derive(Debug, Default)]
pub(super) struct Sketches {
    all: Vec<Sketch>,
    features: Vec<u64>,
}

impl Sketches {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn get(&self, number: usize) -> &Sketch {
        &self.all[number]
    }

    /// The features of an element, sorted.
    pub(super) fn features(&self, number: usize) -> &[u64] {
        let range = &self.all[number].features;
        &self.features[range.start as usize..range.end as usize]
    }

    /// The features, and the identity as one more key.
    fn index_keys(&self, number: usize) -> impl Iterator<Item = u64> {
        let identity = self.all[number].identity;
        let features = self.features(number).iter().copied();
        features.chain(identity.map(|identity| mix(identity, 1)))
    }

    /// Adds the sketch of an element: the features with the lowest hashes among the first nodes.
    pub(super) fn add(&mut self, matching: &Matcher<'_>, tree: &Tree, unit: &Unit, position: u32) {
        let start = self.features.len();
        let top = tree.node(unit.node);
        let mut looks = MAX_VISITED;
        let mut number = unit.node;
        while number < top.end && looks > 0 {
            looks -= 1;
            match tree.node(number).kind() {
                Kind::Text => {
                    let pieces = tokens::tokens(tree.text(number));
                    for piece in pieces.filter(|piece| tokens::is_word(piece)).take(looks) {
                        looks -= 1;
                        self.features.push(matching.hashing.str(piece));
                    }
                }
                Kind::Element(_) => {
                    for attribute in tree.attributes(number).iter().take(looks) {
                        let name = u64::from(attribute.name.0);
                        let value = tree.str(attribute.value);
                        self.features.push(matching.hashing.pair(name, value));
                    }
                    if number != unit.node {
                        self.features.push(mix(7, tree.exact[number as usize]));
                    }
                }
                Kind::Comment | Kind::Instruction => {
                    self.features.push(tree.exact[number as usize]);
                }
            }
            number += 1;
        }
        self.features[start..].sort_unstable();
        self.features.truncate(start + MAX_FEATURES);
        self.all.push(Sketch {
            position,
            node: unit.node,
            identity: matching.identity(tree, unit.node),
            size: tree.size(unit.node),
            has_children: has_children(tree, unit.node),
            features: start as u32..self.features.len() as u32,
        });
    }
}

/// Whether an element has child elements.
pub(super) fn has_children(tree: &Tree, node: u32) -> bool {
    let is_element = |&child: &u32| tree.node(child).is_element();
    tree.node(node).is_element() && tree.children(node).any(|child| is_element(&child))
}

/// Calls `found` with pairs that share rare features.
pub(super) fn for_each_candidate(
    xs: &Sketches,
    ys: &Sketches,
    mut found: impl FnMut(usize, usize),
) {
    let index = Index::of(ys);
    let mut shared: HashMap<u32, u32> = HashMap::new();
    let mut partners: Vec<(u32, u32)> = Vec::new();
    for x in 0..xs.len() {
        shared.clear();
        for feature in xs.index_keys(x) {
            index.for_each_owner(feature, |y| *shared.entry(y).or_default() += 1);
        }
        partners.clear();
        partners.extend(shared.iter().map(|(&y, &count)| (count, y)));
        partners.sort_unstable_by_key(|&(count, y)| (std::cmp::Reverse(count), y));
        for &(_, y) in partners.iter().take(MAX_CANDIDATES) {
            found(x, y as usize);
        }
    }
}

/// The owners of each feature, as linked lists.
struct Index {
    /// For each feature, the number of owners and the index of the last link.
    lists: HashMap<u64, (u32, u32)>,
    /// An owner, and the link before it.
    links: Vec<(u32, u32)>,
}

impl Index {
    fn of(sketches: &Sketches) -> Self {
        let mut index = Self {
            lists: HashMap::new(),
            links: Vec::with_capacity(sketches.features.len()),
        };
        for number in 0..sketches.len() {
            for feature in sketches.index_keys(number) {
                let (count, last) = index.lists.entry(feature).or_default();
                *count += 1;
                if *count <= MAX_OWNERS {
                    index.links.push((number as u32, *last));
                    *last = index.links.len() as u32 - 1;
                }
            }
        }
        index
    }

    /// Calls `found` with the owners of a feature if there are few.
    fn for_each_owner(&self, feature: u64, mut found: impl FnMut(u32)) {
        let Some(&(count, mut link)) = self.lists.get(&feature) else {
            return;
        };
        if count <= MAX_OWNERS {
            for _ in 0..count {
                let (element, before) = self.links[link as usize];
                found(element);
                link = before;
            }
        }
    }
}
