//! Longest common subsequences of two rows of keys.

use hashbrown::HashMap;
use imara_diff::{Algorithm, Diff, Token};

use super::chain::{self, Candidate};
use crate::hashes::mix;

/// Longer rows (both together) are split at unambiguous matches first, because the diff algorithm takes superlinear
/// time.
const MAX_DIFF_ITEMS: usize = 1 << 14;
/// A split position needs this many consecutive keys that occur once in each row.
const CONTEXT_ITEMS: usize = 16;
/// One of this many such positions is considered.
const SAMPLE_INTERVAL: u64 = 16;

/// An element of a row: its key, and the weight of a match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item {
    pub(crate) key: u64,
    /// The position in the row that the item was taken from.
    pub(crate) position: u32,
    pub(crate) weight: u32,
}

/// A range of each row.
pub(crate) type Gap = (std::ops::Range<usize>, std::ops::Range<usize>);

/// Matches equal keys and appends pairs of positions.
pub(crate) fn match_rows(xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
    let (xs, ys) = trim_common_ends(xs, ys, pairs);
    if xs.is_empty() || ys.is_empty() || (xs.len() == 1 && ys.len() == 1) {
        return;
    }
    match_between(
        xs,
        ys,
        chain::heaviest_chain(unique_matches(xs, ys)),
        pairs,
        match_unanchored,
    );
}

/// Returns the gaps before, between and after pairs.
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

/// Matches the common prefix and suffix and returns what is between them.
pub(crate) fn trim_common_ends<'a>(
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

/// The positions and counts of a key in both rows.
#[derive(Default)]
struct Occurrences {
    x: u32,
    y: u32,
    xs: u32,
    ys: u32,
}

/// Returns the keys that occur once in each row.
pub(crate) fn unique_matches(xs: &[Item], ys: &[Item]) -> Vec<Candidate> {
    let mut places: HashMap<u64, Occurrences> = HashMap::with_capacity(xs.len());
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

/// Matches rows that have no unique keys in common.
fn match_unanchored(xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
    if xs.len() + ys.len() <= MAX_DIFF_ITEMS {
        match_by_diff(xs, ys, pairs);
        return;
    }
    match_between(xs, ys, by_context(xs, ys), pairs, |xs, ys, pairs| {
        if xs.len() + ys.len() <= MAX_DIFF_ITEMS {
            match_by_diff(xs, ys, pairs);
            return;
        }
        match_between(xs, ys, by_occurrence(xs, ys), pairs, |xs, ys, pairs| {
            if xs.len() + ys.len() <= MAX_DIFF_ITEMS {
                match_by_diff(xs, ys, pairs);
            }
        });
    });
}

/// Adds certain matches and continues with the gaps between them.
fn match_between(
    xs: &[Item],
    ys: &[Item],
    matched: Vec<(u32, u32)>,
    pairs: &mut Vec<(u32, u32)>,
    go_on: impl Fn(&[Item], &[Item], &mut Vec<(u32, u32)>),
) {
    for (x, y) in gaps(&matched, xs.len(), ys.len()) {
        let (xs, ys) = trim_common_ends(&xs[x], &ys[y], pairs);
        if !xs.is_empty() && !ys.is_empty() {
            go_on(xs, ys, pairs);
        }
    }
    let positions = |(x, y): (u32, u32)| (xs[x as usize].position, ys[y as usize].position);
    pairs.extend(matched.into_iter().map(positions));
}

/// Matches positions whose context occurs once in each row.
fn by_context(xs: &[Item], ys: &[Item]) -> Vec<(u32, u32)> {
    let sampled = |items: &[Item]| -> Vec<Item> {
        let folded = items
            .windows(CONTEXT_ITEMS)
            .enumerate()
            .map(|(at, window)| Item {
                key: window.iter().fold(0, |sum, item| mix(sum, item.key)),
                position: at as u32,
                weight: 1,
            });
        folded
            .filter(|item| item.key % SAMPLE_INTERVAL == 0)
            .collect()
    };
    let (sampled_x, sampled_y) = (sampled(xs), sampled(ys));
    let anchors = chain::significant_chain(unique_matches(&sampled_x, &sampled_y));
    let positions = |(x, y): (u32, u32)| {
        let (x, y) = (&sampled_x[x as usize], &sampled_y[y as usize]);
        (x.position, y.position)
    };
    anchors.into_iter().map(positions).collect()
}

/// Matches the n-th occurrence of a key with the n-th occurrence of the same key, as far as the order agrees.
fn by_occurrence(xs: &[Item], ys: &[Item]) -> Vec<(u32, u32)> {
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    // The count of each key in `xs`; later, the next position of the key in the list of all positions.
    let mut next: Vec<u32> = Vec::new();
    for item in xs {
        let number = *numbers.entry(item.key).or_insert(next.len() as u32) as usize;
        if number == next.len() {
            next.push(0);
        }
        next[number] += 1;
    }
    let mut ends = next;
    let mut sum = 0;
    for count in &mut ends {
        sum += *count;
        *count = sum;
    }
    let mut places = vec![0_u32; xs.len()];
    let mut next = ends.clone();
    for (at, item) in xs.iter().enumerate().rev() {
        let number = numbers[&item.key] as usize;
        next[number] -= 1;
        places[next[number] as usize] = at as u32;
    }
    let mut candidates = Vec::new();
    for (at, item) in ys.iter().enumerate() {
        let Some(&number) = numbers.get(&item.key) else {
            continue;
        };
        let number = number as usize;
        if next[number] < ends[number] {
            candidates.push(Candidate {
                x: places[next[number] as usize],
                y: at as u32,
                weight: item.weight.into(),
            });
            next[number] += 1;
        }
    }
    chain::heaviest_chain(candidates)
}

/// Matches by a diff; the result is close to the longest common subsequence.
fn match_by_diff(xs: &[Item], ys: &[Item], pairs: &mut Vec<(u32, u32)>) {
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
