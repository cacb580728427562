//! Finds common children at the start and the end of an element, which need no matching.

use std::ops::Range;

use super::plan::Group;
use crate::tree::Tree;

/// The common nodes at both ends, in the first version, and the rest of each version.
pub(crate) struct Ends {
    pub(crate) prefix: Range<u32>,
    pub(crate) suffix: Range<u32>,
    pub(crate) middles: Vec<Range<u32>>,
}

/// Treats all content as different.
pub(crate) fn untrimmed(trees: &[Tree], groups: &[Group]) -> Ends {
    let content = |group: &Group| group.node + 1..trees[group.tree].node(group.node).end;
    Ends {
        prefix: 0..0,
        suffix: 0..0,
        middles: groups.iter().map(content).collect(),
    }
}

/// Finds the common prefix.
pub(crate) fn trim_prefix(trees: &[Tree], groups: &[Group]) -> Ends {
    let mut ends = untrimmed(trees, groups);
    let start = ends.middles[0].start;
    loop {
        let mut firsts = groups.iter().zip(&ends.middles);
        let alike = |(group, middle): (&Group, &Range<u32>)| {
            !middle.is_empty()
                && hash(trees, group, middle.start)
                    == hash(trees, &groups[0], ends.middles[0].start)
        };
        if !firsts.all(alike) {
            break;
        }
        for (group, middle) in groups.iter().zip(&mut ends.middles) {
            middle.start = trees[group.tree].node(middle.start).end;
        }
    }
    ends.prefix = start..ends.middles[0].start;
    ends
}

/// Finds the common suffix.
pub(crate) fn trim_suffix(trees: &[Tree], groups: &[Group], ends: &mut Ends) {
    let stop = ends.middles[0].end;
    // Children can be visited forward only, so list them once.
    let mut backward: Vec<Vec<u32>> = groups
        .iter()
        .zip(&ends.middles)
        .map(|(group, middle)| listed(&trees[group.tree], middle))
        .collect();
    loop {
        let last = backward[0].last().copied();
        let Some(own) = last else { break };
        let mut lasts = groups.iter().zip(&backward);
        let alike = |(group, list): (&Group, &Vec<u32>)| {
            list.last()
                .is_some_and(|&node| hash(trees, group, node) == hash(trees, &groups[0], own))
        };
        if !lasts.all(alike) {
            break;
        }
        for (list, middle) in backward.iter_mut().zip(&mut ends.middles) {
            middle.end = list.pop().expect("the list is not empty");
        }
    }
    ends.suffix = ends.middles[0].end..stop;
}

fn hash(trees: &[Tree], group: &Group, node: u32) -> u64 {
    trees[group.tree].exact[node as usize]
}

fn listed(tree: &Tree, middle: &Range<u32>) -> Vec<u32> {
    let mut list = Vec::new();
    let mut node = middle.start;
    while node < middle.end {
        list.push(node);
        node = tree.node(node).end;
    }
    list
}
