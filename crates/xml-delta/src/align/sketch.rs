//! What elements are like: the first things that each has in it, and which others have rare ones of them, too.

use std::ops::Range;

use hashbrown::HashMap;

use super::matcher::Matching;
use super::row::Unit;
use crate::hashes::mix;
use crate::tree::{Kind, Tree};
use crate::words;

/// How many nodes and words of an element are looked at.
const LOOKS: usize = 192;
/// How many of them make its sketch.
const FEATURES: usize = 48;
/// What more elements than this have in common says nothing.
const COMMON: u32 = 12;
/// How many of the most promising partners are named.
const PARTNERS: usize = 3;

/// What an element is like.
#[derive(Debug)]
pub(super) struct Sketch {
    pub(super) position: u32,
    pub(super) node: u32,
    pub(super) identity: Option<u64>,
    pub(super) size: usize,
    pub(super) has_children: bool,
    /// Its own among the features of all.
    features: Range<u32>,
}

/// What the elements of one side are like.
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

    /// In order, none twice as often as it is there.
    pub(super) fn features(&self, number: usize) -> &[u64] {
        let range = &self.all[number].features;
        &self.features[range.start as usize..range.end as usize]
    }

    /// Features, and the identity as one more.
    fn telling(&self, number: usize) -> impl Iterator<Item = u64> {
        let identity = self.all[number].identity;
        let features = self.features(number).iter().copied();
        features.chain(identity.map(|identity| mix(identity, 1)))
    }

    /// Adds an element: the first things that it has in it, the ones with the lowest hashes if there are many.
    pub(super) fn add(&mut self, matching: &Matching<'_>, tree: &Tree, unit: &Unit, position: u32) {
        let start = self.features.len();
        let top = tree.node(unit.node);
        let mut looks = LOOKS;
        let mut number = unit.node;
        while number < top.end && looks > 0 {
            looks -= 1;
            match tree.node(number).kind() {
                Kind::Text => {
                    let pieces = words::pieces(tree.text(number));
                    for piece in pieces.filter(|piece| words::is_word(piece)).take(looks) {
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
        self.features.truncate(start + FEATURES);
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

/// Whether there are elements in an element.
pub(super) fn has_children(tree: &Tree, node: u32) -> bool {
    let is_element = |&child: &u32| tree.node(child).is_element();
    tree.node(node).is_element() && tree.children(node).any(|child| is_element(&child))
}

/// Names the pairs that share something rare.
pub(super) fn promising(xs: &Sketches, ys: &Sketches, mut found: impl FnMut(usize, usize)) {
    let index = Index::of(ys);
    let mut shared: HashMap<u32, u32> = HashMap::new();
    let mut partners: Vec<(u32, u32)> = Vec::new();
    for x in 0..xs.len() {
        shared.clear();
        for feature in xs.telling(x) {
            index.each(feature, |y| *shared.entry(y).or_default() += 1);
        }
        partners.clear();
        partners.extend(shared.iter().map(|(&y, &count)| (count, y)));
        partners.sort_unstable_by_key(|&(count, y)| (std::cmp::Reverse(count), y));
        for &(_, y) in partners.iter().take(PARTNERS) {
            found(x, y as usize);
        }
    }
}

/// Which elements have a feature: lists, each linked from its last to its first.
struct Index {
    /// How many, and the number of the last link.
    lists: HashMap<u64, (u32, u32)>,
    /// An element, and the link before.
    links: Vec<(u32, u32)>,
}

impl Index {
    fn of(sketches: &Sketches) -> Self {
        let mut index = Self {
            lists: HashMap::new(),
            links: Vec::with_capacity(sketches.features.len()),
        };
        for number in 0..sketches.len() {
            for feature in sketches.telling(number) {
                let (count, last) = index.lists.entry(feature).or_default();
                *count += 1;
                if *count <= COMMON {
                    index.links.push((number as u32, *last));
                    *last = index.links.len() as u32 - 1;
                }
            }
        }
        index
    }

    /// Those that have a feature, if they are few.
    fn each(&self, feature: u64, mut found: impl FnMut(u32)) {
        let Some(&(count, mut link)) = self.lists.get(&feature) else {
            return;
        };
        if count <= COMMON {
            for _ in 0..count {
                let (element, before) = self.links[link as usize];
                found(element);
                link = before;
            }
        }
    }
}
