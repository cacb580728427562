//! The heaviest chain of pairs that do not cross each other.

/// Marks the absence of a candidate.
const NONE: u32 = u32::MAX;

/// Two positions that could be matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) weight: u64,
}

/// Returns the heaviest chain that ascends in both positions, in O(n log n). The pairs must be distinct.
pub(crate) fn heaviest_chain(mut candidates: Vec<Candidate>) -> Vec<(u32, u32)> {
    // For equal `x`, higher `y` first, so that a chain contains each `x` at most once.
    candidates.sort_unstable_by_key(|one| (one.x, std::cmp::Reverse(one.y)));
    let mut ranks: Vec<u32> = candidates.iter().map(|one| one.y).collect();
    ranks.sort_unstable();
    ranks.dedup();
    // A Fenwick tree: the best chain that ends at or below a rank of `y`, and the candidate that ends it.
    let mut best = vec![(0_u64, NONE); ranks.len() + 1];
    let mut before = vec![NONE; candidates.len()];
    for (number, one) in candidates.iter().enumerate() {
        let rank = ranks.binary_search(&one.y).expect("every y has a rank");
        let mut chain = (0, NONE);
        let mut at = rank;
        while at > 0 {
            chain = if best[at].0 > chain.0 {
                best[at]
            } else {
                chain
            };
            at &= at - 1;
        }
        before[number] = chain.1;
        let longer = (chain.0 + one.weight.max(1), number as u32);
        let mut at = rank + 1;
        while at < best.len() {
            if longer.0 > best[at].0 {
                best[at] = longer;
            }
            at += at & at.wrapping_neg();
        }
    }
    let mut last = (0, NONE);
    let mut at = ranks.len();
    while at > 0 {
        last = if best[at].0 > last.0 { best[at] } else { last };
        at &= at - 1;
    }
    let mut chain = Vec::new();
    let mut number = last.1;
    while number != NONE {
        let one = candidates[number as usize];
        chain.push((one.x, one.y));
        number = before[number as usize];
    }
    chain.reverse();
    chain
}

/// Like [`heaviest_chain`], but returns nothing if the chain is no longer than in random data.
pub(crate) fn significant_chain(candidates: Vec<Candidate>) -> Vec<(u32, u32)> {
    let count = candidates.len();
    let chain = heaviest_chain(candidates);
    // The longest ascending chain of n pairs in random order has about twice the square root of n pairs.
    let by_chance = 4 * count.isqrt();
    if chain.len() > by_chance || chain.len() * 2 > count {
        chain
    } else {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(candidates: &[(u32, u32, u64)], expected: &[(u32, u32)]) {
        let candidates = candidates
            .iter()
            .map(|&(x, y, weight)| Candidate { x, y, weight });
        assert_eq!(heaviest_chain(candidates.collect()), expected);
    }

    #[test]
    fn heaviest_chain_is_found() {
        check(&[], &[]);
        check(
            &[(0, 0, 1), (1, 1, 1), (2, 2, 1)],
            &[(0, 0), (1, 1), (2, 2)],
        );
        check(&[(0, 2, 1), (1, 0, 1), (2, 1, 1)], &[(1, 0), (2, 1)]);
        check(&[(0, 2, 5), (1, 0, 1), (2, 1, 1)], &[(0, 2)]);
        check(&[(0, 0, 1), (0, 1, 1), (1, 1, 1)], &[(0, 0), (1, 1)]);
    }

    #[test]
    fn random_order_has_no_significant_chain() {
        let candidate = |x, y| Candidate { x, y, weight: 1 };
        let shuffled = (0..1000).map(|x| candidate(x, x * 619 % 1009));
        assert_eq!(significant_chain(shuffled.collect()), []);
        let straight: Vec<Candidate> = (0..1000).map(|x| candidate(x, x)).collect();
        assert_eq!(significant_chain(straight).len(), 1000);
    }
}
