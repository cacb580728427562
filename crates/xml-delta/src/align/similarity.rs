//! Matches similar elements: same name and enough content in common, in the same order.

use super::chain::{self, Candidate};
use super::lcs::{self, Item};
use super::matcher::Matcher;
use super::row::{Row, Unit};
use super::sketch::{Sketches, for_each_candidate, has_children};
use crate::tree::{Kind, Tree};

/// Up to this many pairs are all scored; above it, an index of shared features selects candidates.
const MAX_TABLE_CELLS: usize = 1 << 13;
/// The score of equal content, in thousandths.
const FULL_SCORE: u64 = 1000;
/// Below this score, elements count as deleted and added.
const MIN_SCORE: u64 = 150;
/// The minimum score of elements with different identifiers.
const MIN_SCORE_OF_RENAMED: u64 = 500;
/// Elements up to this size are paired by their names alone.
const SMALL_ELEMENT_BYTES: usize = 256;

/// Matches similar nodes.
pub(super) fn match_nodes(
    matching: &Matcher<'_>,
    x: &Row<'_>,
    y: &Row<'_>,
    xs: &[Item],
    ys: &[Item],
    pairs: &mut Vec<(u32, u32)>,
) {
    if xs.is_empty() || ys.is_empty() {
        return;
    }
    if let ([one], [other]) = (xs, ys)
        && are_only_containers(matching, (x, one), (y, other))
    {
        pairs.push((one.position, other.position));
        return;
    }
    let sketches = |row: &Row<'_>, items: &[Item]| {
        let mut sketches = Sketches::default();
        for &Item { position, .. } in items {
            sketches.add(matching, row.tree, &row.units[position as usize], position);
        }
        sketches
    };
    let gap = SimilarityGap {
        matching,
        x: x.tree,
        y: y.tree,
        xs: sketches(x, xs),
        ys: sketches(y, ys),
    };
    let found = if xs.len() * ys.len() <= MAX_TABLE_CELLS {
        gap.pairs_by_table(0..xs.len(), 0..ys.len())
    } else {
        let mut found = gap.pairs_by_index();
        for (rest_x, rest_y) in lcs::gaps(&found, xs.len(), ys.len()) {
            if rest_x.len() * rest_y.len() <= MAX_TABLE_CELLS {
                found.extend(gap.pairs_by_table(rest_x, rest_y));
            }
        }
        found
    };
    let positions = |(x, y): (u32, u32)| {
        let (one, other) = (gap.xs.get(x as usize), gap.ys.get(y as usize));
        (one.position, other.position)
    };
    pairs.extend(found.into_iter().map(positions));
}

/// Whether two elements are each other's only possible partners. Their content is then compared level by level,
/// however little they have in common. Deep documents consist of chains of such elements.
fn are_only_containers(matching: &Matcher<'_>, x: (&Row<'_>, &Item), y: (&Row<'_>, &Item)) -> bool {
    let unit = |(row, item): (&Row<'_>, &Item)| row.units[item.position as usize];
    let (one, other) = (unit(x), unit(y));
    let identity = |row: &Row<'_>, unit: &Unit| matching.identity(row.tree, unit.node);
    has_children(x.0.tree, one.node)
        && has_children(y.0.tree, other.node)
        && matching.may_pair((x.0.tree, one.node), (y.0.tree, other.node))
        && identity(x.0, &one) == identity(y.0, &other)
}

/// Matches similar elements regardless of order, best pairs first.
pub(crate) fn match_unordered(
    matching: &Matcher<'_>,
    xs: &[(&Tree, Unit)],
    ys: &[(&Tree, Unit)],
) -> Vec<(u32, u32)> {
    let sketches = |side: &[(&Tree, Unit)]| {
        let mut sketches = Sketches::default();
        for (at, (tree, unit)) in side.iter().enumerate() {
            sketches.add(matching, tree, unit, at as u32);
        }
        sketches
    };
    let (xs_sketched, ys_sketched) = (sketches(xs), sketches(ys));
    let weigh = |x: usize, y: usize| {
        let (one, other) = ((&xs_sketched, x), (&ys_sketched, y));
        weight(matching, (xs[x].0, one), (ys[y].0, other), false)
    };
    let mut candidates = Vec::new();
    if xs.len() * ys.len() <= MAX_TABLE_CELLS {
        let all = (0..xs.len()).flat_map(|x| (0..ys.len()).map(move |y| (x, y)));
        candidates.extend(all.map(|(x, y)| (weigh(x, y), x as u32, y as u32)));
    } else {
        for_each_candidate(&xs_sketched, &ys_sketched, |x, y| {
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

struct SimilarityGap<'g> {
    matching: &'g Matcher<'g>,
    x: &'g Tree,
    y: &'g Tree,
    xs: Sketches,
    ys: Sketches,
}

impl SimilarityGap<'_> {
    /// Returns the heaviest chain of pairs, scoring all of them.
    fn pairs_by_table(
        &self,
        xs: std::ops::Range<usize>,
        ys: std::ops::Range<usize>,
    ) -> Vec<(u32, u32)> {
        let width = ys.len() + 1;
        let mut best = vec![0_u64; (xs.len() + 1) * width];
        let mut weights = vec![0_u64; xs.len() * ys.len()];
        for (i, x) in xs.clone().enumerate() {
            for (j, y) in ys.clone().enumerate() {
                let weight = self.weight(x, y);
                weights[i * ys.len() + j] = weight;
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
            let weight = weights[(i - 1) * ys.len() + j - 1];
            // Of equal partners take the earliest, so that unmatched elements are at the end.
            if best[(i - 1) * width + j] == here {
                i -= 1;
            } else if best[i * width + j - 1] == here {
                j -= 1;
            } else {
                debug_assert!(weight > 0);
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
        let are_sole = self.xs.len() == 1 && self.ys.len() == 1;
        weight(
            self.matching,
            (self.x, (&self.xs, x)),
            (self.y, (&self.ys, y)),
            are_sole,
        )
    }
}

/// The score of a pair; 0 if it must not be matched.
fn weight(
    matching: &Matcher<'_>,
    x: (&Tree, (&Sketches, usize)),
    y: (&Tree, (&Sketches, usize)),
    are_only_candidates: bool,
) -> u64 {
    let (one, other) = (x.1.0.get(x.1.1), y.1.0.get(y.1.1));
    let kind = x.0.node(one.node).kind();
    if !matching.may_pair((x.0, one.node), (y.0, other.node)) {
        return 0;
    }
    if !matches!(kind, Kind::Element(_)) {
        return 1;
    }
    let (ones, others) = (x.1.0.features(x.1.1), y.1.0.features(y.1.1));
    let common = overlap(ones, others) as u64;
    let (less, more) = {
        let (a, b) = (ones.len() as u64, others.len() as u64);
        (a.min(b), a.max(b))
    };
    let mut score = if more == 0 {
        FULL_SCORE
    } else {
        2 * FULL_SCORE * common / (less + more)
    };
    if less >= 6 {
        // An element that is contained in the other is similar however much was added.
        score = score.max(FULL_SCORE * common / less * 4 / 5);
    }
    let differ =
        one.identity.is_some() && other.identity.is_some() && one.identity != other.identity;
    let floor = if differ {
        MIN_SCORE_OF_RENAMED
    } else {
        MIN_SCORE
    };
    let is_small = one.size.max(other.size) <= SMALL_ELEMENT_BYTES;
    let is_sole = are_only_candidates && one.has_children && other.has_children;
    if one.identity.is_some() && one.identity == other.identity {
        2 * FULL_SCORE + score
    } else if score >= floor {
        100 + score
    } else if !differ && (is_small || is_sole) {
        10
    } else {
        0
    }
}

/// Counts the common elements of two sorted lists.
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
