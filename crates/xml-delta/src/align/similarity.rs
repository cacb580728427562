//! Matches similar elements: same name and enough content in common, in the same order.

use std::ops::Range;

use hashbrown::HashMap;

use super::candidates::{Element, for_each_candidate};
use super::chain::{self, Candidate};
use super::lcs::{self, Item};
use super::matcher::Matcher;
use super::row::{Row, Unit};
use crate::tree::{Kind, Tree};

/// Up to this many pairs are all scored; above it, an index of shared features selects candidates.
const MAX_TABLE_CELLS: usize = 1 << 14;
/// Below this similarity, elements count as deleted and added.
const MIN_SIMILARITY: u64 = 150;
/// The minimum similarity of elements with different identifiers.
const MIN_SIMILARITY_OF_RENAMED: u64 = 400;
/// The score of equal identifiers. It exceeds half the similarity of equal content, so that identifiers decide between
/// elements that changed, but not between one that is equal and one that is not.
const IDENTITY_SCORE: u64 = 600;
/// The score of any pair.
const BASE_SCORE: u64 = 50;
/// Elements up to this size are paired by their names alone.
const SMALL_ELEMENT_BYTES: usize = 256;
/// A pair counts as if its elements had this many bytes more, so that small elements are not neglected.
const BASE_BYTES: u64 = 32;

/// Names that occur once in each of two rows.
pub(super) struct UniqueNames(HashMap<Kind, (u32, u32)>);

impl UniqueNames {
    /// Counts the names of elements.
    pub(super) fn new<'t>(
        xs: impl Iterator<Item = (&'t Tree, u32)>,
        ys: impl Iterator<Item = (&'t Tree, u32)>,
    ) -> Self {
        let mut counts: HashMap<Kind, (u32, u32)> = HashMap::new();
        for (tree, node) in xs {
            counts.entry(tree.node(node).kind()).or_default().0 += 1;
        }
        for (tree, node) in ys {
            if let Some(count) = counts.get_mut(&tree.node(node).kind()) {
                count.1 += 1;
            }
        }
        Self(counts)
    }

    fn contains(&self, kind: Kind) -> bool {
        matches!(kind, Kind::Element(_)) && self.0.get(&kind) == Some(&(1, 1))
    }
}

/// Two rows of nodes to be matched.
pub(super) struct NodeRows<'r> {
    matcher: &'r Matcher<'r>,
    x: &'r Row<'r>,
    y: &'r Row<'r>,
    /// Names that are unique in both rows.
    in_rows: UniqueNames,
}

impl<'r> NodeRows<'r> {
    /// Prepares two rows.
    pub(super) fn new(matcher: &'r Matcher<'r>, x: &'r Row<'r>, y: &'r Row<'r>) -> Self {
        let nodes = |row: &'r Row<'r>| {
            let units = row.units.iter().filter(|unit| !unit.is_text());
            units.map(|unit| (row.tree, unit.node))
        };
        Self {
            matcher,
            x,
            y,
            in_rows: UniqueNames::new(nodes(x), nodes(y)),
        }
    }

    /// Matches similar nodes in a gap.
    pub(super) fn match_gap(&self, xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
        if xs.is_empty() || ys.is_empty() {
            return;
        }
        if let ([one], [other]) = (xs, ys)
            && self.are_only_containers(one, other)
        {
            pairs.push((one.position, other.position));
            return;
        }
        let elements = |row: &Row<'_>, items: &[Item]| -> Vec<Element> {
            let elements = items.iter().map(|item| {
                let node = row.units[item.position as usize].node;
                Element::new(self.matcher, row.tree, node, item.position)
            });
            elements.collect()
        };
        let elements_x = elements(self.x, xs);
        let elements_y = elements(self.y, ys);
        let gap = Gap {
            matcher: self.matcher,
            trees: (self.x.tree, self.y.tree),
            in_rows: &self.in_rows,
            between: UniqueNames::new(
                elements_x.iter().map(|one| (self.x.tree, one.node)),
                elements_y.iter().map(|one| (self.y.tree, one.node)),
            ),
            xs: elements_x,
            ys: elements_y,
        };
        let found = if xs.len() * ys.len() <= MAX_TABLE_CELLS {
            gap.pairs_by_table(0..xs.len(), 0..ys.len())
        } else {
            let mut found = gap.pairs_by_index();
            for (rest_x, rest_y) in lcs::gaps(&found, xs.len(), ys.len()) {
                if rest_x.len() * rest_y.len() <= MAX_TABLE_CELLS {
                    found.extend(gap.pairs_by_table(rest_x, rest_y));
                } else if rest_x.len() == rest_y.len() {
                    // Long lists in which every item changed in the same way, without anything rare in common.
                    let in_order = rest_x.zip(rest_y).filter(|&(x, y)| gap.weight(x, y) > 0);
                    found.extend(in_order.map(|(x, y)| (x as u32, y as u32)));
                }
            }
            found
        };
        let positions = |(x, y): (u32, u32)| {
            let (one, other) = (&gap.xs[x as usize], &gap.ys[y as usize]);
            (one.position, other.position)
        };
        pairs.extend(found.into_iter().map(positions));
    }

    /// Whether two elements are each other's only possible partners. Their content is then compared level by level,
    /// however little they have in common. Deep documents consist of chains of such elements.
    fn are_only_containers(&self, x: &Item, y: &Item) -> bool {
        let node = |row: &Row<'_>, item: &Item| row.units[item.position as usize].node;
        let (one, other) = (node(self.x, x), node(self.y, y));
        let (x, y) = ((self.x.tree, one), (self.y.tree, other));
        has_children(x.0, one)
            && has_children(y.0, other)
            && self.matcher.may_pair(x, y)
            && (self.in_rows.contains(x.0.node(one).kind())
                || self.matcher.identity(x.0, one) == self.matcher.identity(y.0, other))
    }
}

/// Whether an element has child elements.
fn has_children(tree: &Tree, node: u32) -> bool {
    tree.node(node).is_element()
        && tree
            .children(node)
            .any(|child| tree.node(child).is_element())
}

/// Matches similar elements regardless of order, best pairs first.
pub(crate) fn match_unordered(
    matcher: &Matcher<'_>,
    xs: &[(&Tree, Unit)],
    ys: &[(&Tree, Unit)],
) -> Vec<(u32, u32)> {
    let elements = |side: &[(&Tree, Unit)]| -> Vec<Element> {
        let numbered = side.iter().zip(0..);
        numbered
            .map(|((tree, unit), at)| Element::new(matcher, tree, unit.node, at))
            .collect()
    };
    let (x_elements, y_elements) = (elements(xs), elements(ys));
    let weigh = |x: usize, y: usize| {
        let trees = (xs[x].0, ys[y].0);
        weight(
            matcher,
            trees,
            (&x_elements[x], &y_elements[y]),
            Uniqueness::None,
        )
    };
    let mut candidates = Vec::new();
    if xs.len() * ys.len() <= MAX_TABLE_CELLS {
        let all = (0..xs.len()).flat_map(|x| (0..ys.len()).map(move |y| (x, y)));
        candidates.extend(all.map(|(x, y)| (weigh(x, y), x as u32, y as u32)));
    } else {
        for_each_candidate(&x_elements, &y_elements, |x, y| {
            candidates.push((weigh(x, y), x as u32, y as u32));
        });
    }
    candidates.retain(|one| one.0 > 0);
    candidates.sort_unstable_by_key(|&(weight, x, y)| (std::cmp::Reverse(weight), x, y));
    let mut taken = (vec![false; xs.len()], vec![false; ys.len()]);
    candidates.retain(|&(_, x, y)| {
        let free = !taken.0[x as usize] && !taken.1[y as usize];
        taken.0[x as usize] |= free;
        taken.1[y as usize] |= free;
        free
    });
    candidates.into_iter().map(|(_, x, y)| (x, y)).collect()
}

/// Two rows of elements between matches.
struct Gap<'g> {
    matcher: &'g Matcher<'g>,
    trees: (&'g Tree, &'g Tree),
    xs: Vec<Element>,
    ys: Vec<Element>,
    in_rows: &'g UniqueNames,
    between: UniqueNames,
}

impl Gap<'_> {
    /// Returns the heaviest chain of pairs, scoring all of them.
    fn pairs_by_table(&self, xs: Range<usize>, ys: Range<usize>) -> Vec<(u32, u32)> {
        let width = ys.len() + 1;
        let mut best = vec![0_u64; (xs.len() + 1) * width];
        for (i, x) in xs.clone().enumerate() {
            for (j, y) in ys.clone().enumerate() {
                let weight = self.weight(x, y);
                let paired = if weight > 0 {
                    best[i * width + j] + weight
                } else {
                    0
                };
                let skipped = best[i * width + j + 1].max(best[(i + 1) * width + j]);
                best[(i + 1) * width + j + 1] = paired.max(skipped);
            }
        }
        let mut found = Vec::new();
        let (mut i, mut j) = (xs.len(), ys.len());
        while i > 0 && j > 0 {
            let here = best[i * width + j];
            // Of equal partners take the earliest, so that unmatched elements are at the end.
            if best[(i - 1) * width + j] == here {
                i -= 1;
            } else if best[i * width + j - 1] == here {
                j -= 1;
            } else {
                i -= 1;
                j -= 1;
                found.push(((xs.start + i) as u32, (ys.start + j) as u32));
            }
        }
        found.reverse();
        found
    }

    /// Returns the heaviest chain among pairs that share rare features.
    fn pairs_by_index(&self) -> Vec<(u32, u32)> {
        let mut candidates = Vec::new();
        for_each_candidate(&self.xs, &self.ys, |x, y| {
            let weight = self.weight(x, y);
            if weight > 0 {
                candidates.push(Candidate {
                    x: x as u32,
                    y: y as u32,
                    weight,
                });
            }
        });
        chain::heaviest_chain(candidates)
    }

    fn weight(&self, x: usize, y: usize) -> u64 {
        let pair = (&self.xs[x], &self.ys[y]);
        let kind = self.trees.0.node(pair.0.node).kind();
        let uniqueness = if self.in_rows.contains(kind) {
            Uniqueness::InRows
        } else if self.between.contains(kind) {
            Uniqueness::InGap
        } else {
            Uniqueness::None
        };
        weight(self.matcher, self.trees, pair, uniqueness)
    }
}

/// Whether the name of two elements is unique.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Uniqueness {
    None,
    /// Between the matches around them.
    InGap,
    /// Among all children.
    InRows,
}

/// The weight of a pair: the amount of content that it has in common; 0 if it must not be matched.
fn weight(
    matcher: &Matcher<'_>,
    trees: (&Tree, &Tree),
    (one, other): (&Element, &Element),
    uniqueness: Uniqueness,
) -> u64 {
    if !matcher.may_pair((trees.0, one.node), (trees.1, other.node)) {
        return 0;
    }
    if !matches!(trees.0.node(one.node).kind(), Kind::Element(_)) {
        return 1;
    }
    let similarity = one.sketch.similarity(&other.sketch);
    let both = one.identity.is_some() && other.identity.is_some();
    let is_same = both && one.identity == other.identity;
    let is_renamed = both && !is_same;
    let is_small = one.size.max(other.size) <= SMALL_ELEMENT_BYTES;
    let is_allowed = if is_renamed {
        similarity >= MIN_SIMILARITY_OF_RENAMED || uniqueness == Uniqueness::InRows
    } else {
        is_same || similarity >= MIN_SIMILARITY || is_small || uniqueness != Uniqueness::None
    };
    if !is_allowed {
        return 0;
    }
    let identity = if is_same { IDENTITY_SCORE } else { 0 };
    let size = one.size.min(other.size).min(1 << 30) as u64;
    (BASE_SCORE + similarity + identity) * (BASE_BYTES + size)
}
