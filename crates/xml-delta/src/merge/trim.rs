//! Children at the beginning and the end that all versions have alike: they need no matching.

use std::ops::Range;

use super::level::Group;
use crate::tree::Tree;

/// Nodes that are alike at either end, in the first version, and what is between them in each.
pub(crate) struct Ends {
    pub(crate) head: Range<u32>,
    pub(crate) tail: Range<u32>,
    pub(crate) middles: Vec<Range<u32>>,
}

/// Nothing is taken for alike.
pub(crate) fn nothing(trees: &[Tree], groups: &[Group]) -> Ends {
    let content = |group: &Group| group.node + 1..trees[group.tree].node(group.node).end;
    Ends {
        head: 0..0,
        tail: 0..0,
        middles: groups.iter().map(content).collect(),
    }
}

/// What is alike at the beginning.
pub(crate) fn head(trees: &[Tree], groups: &[Group]) -> Ends {
    let mut ends = nothing(trees, groups);
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
    ends.head = start..ends.middles[0].start;
    ends
}

/// What is alike at the end, too.
pub(crate) fn tail(trees: &[Tree], groups: &[Group], ends: &mut Ends) {
    let stop = ends.middles[0].end;
    // From the back, children are found only from the front: so they are listed once.
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
            middle.end = list.pop().expect("it has just been looked at");
        }
    }
    ends.tail = ends.middles[0].end..stop;
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
