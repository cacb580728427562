//! Finds promising pairs of elements through an index of rare features.

use std::rc::Rc;

use hashbrown::HashMap;

use super::matcher::Matcher;
use super::sketch::Sketch;
use crate::hashes::mix;
use crate::tree::Tree;

/// Features that more elements than this have are ignored.
const MAX_OWNERS: u32 = 12;
/// Number of candidates for each element.
const MAX_CANDIDATES: usize = 3;

/// An element to be matched.
pub(super) struct Element {
    pub(super) position: u32,
    pub(super) node: u32,
    pub(super) identity: Option<u64>,
    pub(super) size: usize,
    pub(super) sketch: Rc<Sketch>,
}

impl Element {
    pub(super) fn new(matcher: &Matcher<'_>, tree: &Tree, node: u32, position: u32) -> Self {
        Self {
            position,
            node,
            identity: matcher.identity(tree, node),
            size: tree.size(node),
            sketch: matcher
                .sketches
                .borrow_mut()
                .sketch(matcher.hashing, tree, node),
        }
    }
}

/// Calls `found` with pairs that share rare features.
pub(super) fn for_each_candidate(
    xs: &[Element],
    ys: &[Element],
    mut found: impl FnMut(usize, usize),
) {
    let index = Index::new(ys);
    let mut shared: HashMap<u32, u32> = HashMap::new();
    let mut candidates: Vec<(u32, u32)> = Vec::new();
    for (x, element) in xs.iter().enumerate() {
        shared.clear();
        for key in index_keys(element) {
            index.for_each_owner(key, |y| *shared.entry(y).or_default() += 1);
        }
        candidates.clear();
        candidates.extend(shared.iter().map(|(&y, &count)| (count, y)));
        candidates.sort_unstable_by_key(|&(count, y)| (std::cmp::Reverse(count), y));
        for &(_, y) in candidates.iter().take(MAX_CANDIDATES) {
            found(x, y as usize);
        }
    }
}

/// The features of an element, and its identity as one more key.
fn index_keys(element: &Element) -> impl Iterator<Item = u64> {
    let identity = element.identity.map(|identity| mix(identity, 1));
    element.sketch.features.iter().copied().chain(identity)
}

/// The owners of each key, as linked lists.
struct Index {
    /// For each key, the number of owners and the index of the last link.
    lists: HashMap<u64, (u32, u32)>,
    /// An owner, and the link before it.
    links: Vec<(u32, u32)>,
}

impl Index {
    fn new(elements: &[Element]) -> Self {
        let mut index = Self {
            lists: HashMap::new(),
            links: Vec::new(),
        };
        for (number, element) in elements.iter().enumerate() {
            for key in index_keys(element) {
                let (count, last) = index.lists.entry(key).or_default();
                *count += 1;
                if *count <= MAX_OWNERS {
                    index.links.push((number as u32, *last));
                    *last = index.links.len() as u32 - 1;
                }
            }
        }
        index
    }

    /// Calls `found` with the owners of a key if there are few.
    fn for_each_owner(&self, key: u64, mut found: impl FnMut(u32)) {
        let Some(&(count, mut link)) = self.lists.get(&key) else {
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
