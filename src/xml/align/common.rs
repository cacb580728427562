//! What two rows of keys have in common, in order.

use hashbrown::HashMap;
use imara_diff::{Algorithm, Diff, Token};

use super::chain::{self, Candidate};

/// Rows that are longer than this together are matched by their rarer keys only: the exact way takes
/// time that grows faster than they do.
const EXACT: usize = 1 << 16;

/// One of a row: what it must be equal in, and how much that says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) key: u64,
    /// Where it is in the row that it was taken from.
    pub(crate) position: u32,
    pub(crate) weight: u32,
}

/// A stretch of either row.
pub(crate) type Gap = (std::ops::Range<usize>, std::ops::Range<usize>);

/// Matches equal keys; gives pairs of positions.
pub(crate) fn match_rows(xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
    let (xs, ys) = trim(xs, ys, pairs);
    if xs.is_empty() || ys.is_empty() {
        return;
    }
    let anchors = chain::heaviest(unique(xs, ys));
    for (x, y) in gaps(&anchors, xs.len(), ys.len()) {
        let (xs, ys) = trim(&xs[x], &ys[y], pairs);
        rest(xs, ys, pairs);
    }
    pairs.extend(
        anchors
            .iter()
            .map(|&(x, y)| (xs[x as usize].position, ys[y as usize].position)),
    );
}

/// What is between pairs, and before and after them.
pub(crate) fn gaps(pairs: &[(u32, u32)], xs: usize, ys: usize) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut from = (0, 0);
    for &(x, y) in pairs.iter().chain(std::iter::once(&(xs as u32, ys as u32))) {
        let (x, y) = (x as usize, y as usize);
        if x > from.0 && y > from.1 {
            gaps.push((from.0..x, from.1..y));
        }
        from = (x + 1, y + 1);
    }
    gaps
}

/// Matches equal ends, and gives what is between them.
pub(crate) fn trim<'a>(
    xs: &'a [Item],
    ys: &'a [Item],
    pairs: &mut Vec<(u32, u32)>,
) -> (&'a [Item], &'a [Item]) {
    let is_equal = |(x, y): &(&Item, &Item)| x.key == y.key;
    let positions = |(x, y): (&Item, &Item)| (x.position, y.position);
    let head = xs.iter().zip(ys).take_while(is_equal).count();
    pairs.extend(xs.iter().zip(ys).take(head).map(positions));
    let (xs, ys) = (&xs[head..], &ys[head..]);
    let tail = xs
        .iter()
        .rev()
        .zip(ys.iter().rev())
        .take_while(is_equal)
        .count();
    pairs.extend(
        xs.iter()
            .rev()
            .zip(ys.iter().rev())
            .take(tail)
            .map(positions),
    );
    (&xs[..xs.len() - tail], &ys[..ys.len() - tail])
}

/// Where a key is in either row.
#[derive(Default)]
struct Places {
    x: u32,
    y: u32,
    xs: u32,
    ys: u32,
}

/// Keys that are once in each row.
pub(crate) fn unique(xs: &[Item], ys: &[Item]) -> Vec<Candidate> {
    let mut places: HashMap<u64, Places> = HashMap::with_capacity(xs.len());
    for (at, item) in xs.iter().enumerate() {
        let one = places.entry(item.key).or_default();
        one.xs += 1;
        one.x = at as u32;
    }
    for (at, item) in ys.iter().enumerate() {
        if let Some(one) = places.get_mut(&item.key) {
            one.ys += 1;
            one.y = at as u32;
        }
    }
    let unique = places.values().filter(|one| one.xs == 1 && one.ys == 1);
    let candidates = unique.map(|one| Candidate {
        x: one.x,
        y: one.y,
        weight: xs[one.x as usize].weight.into(),
    });
    candidates.collect()
}

/// Matches what has no anchors left.
fn rest(xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
    if xs.is_empty() || ys.is_empty() {
        return;
    }
    if xs.len() + ys.len() <= EXACT {
        exact(xs, ys, pairs);
        return;
    }
    let matched = by_occurrence(xs, ys);
    for (x, y) in gaps(&matched, xs.len(), ys.len()) {
        let (xs, ys) = trim(&xs[x], &ys[y], pairs);
        if xs.len() + ys.len() <= EXACT {
            exact(xs, ys, pairs);
        }
    }
    pairs.extend(
        matched
            .iter()
            .map(|&(x, y)| (xs[x as usize].position, ys[y as usize].position)),
    );
}

/// The n-th of a key with the n-th of the same key, as many as are in the same order.
fn by_occurrence(xs: &[Item], ys: &[Item]) -> Vec<(u32, u32)> {
    let mut counts: HashMap<u64, u32> = HashMap::new();
    let mut numbered = HashMap::with_capacity(xs.len());
    for (at, item) in xs.iter().enumerate() {
        let count = counts.entry(item.key).or_default();
        numbered.insert((item.key, *count), at as u32);
        *count += 1;
    }
    counts.clear();
    let mut candidates = Vec::new();
    for (at, item) in ys.iter().enumerate() {
        let count = counts.entry(item.key).or_default();
        if let Some(&x) = numbered.get(&(item.key, *count)) {
            candidates.push(Candidate {
                x,
                y: at as u32,
                weight: item.weight.into(),
            });
        }
        *count += 1;
    }
    chain::heaviest(candidates)
}

/// The longest row that both have, or nearly.
fn exact(xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
    if let ([one], many) | (many, [one]) = (xs, ys) {
        if let Some(found) = many.iter().find(|item| item.key == one.key) {
            let (x, y) = if xs.len() == 1 {
                (one, found)
            } else {
                (found, one)
            };
            pairs.push((x.position, y.position));
        }
        return;
    }
    let mut numbers: HashMap<u64, u32> = HashMap::with_capacity(xs.len());
    let mut number = |item: &Item| {
        let next = numbers.len() as u32;
        Token(*numbers.entry(item.key).or_insert(next))
    };
    let before: Vec<Token> = xs.iter().map(&mut number).collect();
    let after: Vec<Token> = ys.iter().map(&mut number).collect();
    let mut diff = Diff::default();
    diff.compute_with(Algorithm::Myers, &before, &after, numbers.len() as u32);
    let kept_x = (0..xs.len()).filter(|&x| !diff.is_removed(x as u32));
    let kept_y = (0..ys.len()).filter(|&y| !diff.is_added(y as u32));
    pairs.extend(
        kept_x
            .zip(kept_y)
            .map(|(x, y)| (xs[x].position, ys[y].position)),
    );
}
