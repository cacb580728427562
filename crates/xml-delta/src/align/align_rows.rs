//! Aligns the parts of two rows, both in order.

use super::chain::{self, Candidate};
use super::lcs::{self, Item};
use super::matcher::Matcher;
use super::row::{Row, Unit};
use super::similarity::NodeRows;
use crate::options::Whitespace;

/// The weights of anchors relative to their size: equal elements, elements that are equal except for their identifier,
/// and elements with equal identifiers. Where elements were renumbered, content outweighs identifiers.
const EQUAL_WEIGHT: u64 = 4;
const CONTENT_WEIGHT: u64 = 3;
const IDENTITY_WEIGHT: u64 = 2;

impl Matcher<'_> {
    /// Returns pairs of parts that correspond, in ascending order on both sides.
    pub(crate) fn align(&self, x: &Row<'_>, y: &Row<'_>) -> Vec<(u32, u32)> {
        let mut pairs = Vec::with_capacity(x.units.len().min(y.units.len()));
        if x.units.is_empty() || y.units.is_empty() {
            return pairs;
        }
        let is_flowing = x.content.is_mixed || y.content.is_mixed;
        let all = |row: &Row<'_>| -> Vec<Item> {
            let wanted = |unit: &Unit| is_flowing || !unit.is_text();
            row.items(0..row.units.len(), wanted, |unit| unit.key)
        };
        self.match_exact(x, y, &all(x), &all(y), &mut pairs);
        pairs.sort_unstable();
        if !(self.keep_going)() {
            return pairs;
        }
        let before = pairs.len();
        self.match_nodes(x, y, &mut pairs);
        pairs.sort_unstable();
        if !is_flowing || pairs.len() > before {
            for gap in lcs::gaps(&pairs, x.units.len(), y.units.len()) {
                let xs = x.items(gap.0, Unit::is_text, |unit| unit.key);
                let ys = y.items(gap.1, Unit::is_text, |unit| unit.key);
                lcs::match_rows(&xs, &ys, &mut pairs);
            }
            pairs.sort_unstable();
        }
        pairs
    }

    /// Matches equal parts, and elements with equal identifiers.
    fn match_exact(
        &self,
        x: &Row<'_>,
        y: &Row<'_>,
        xs: &[Item],
        ys: &[Item],
        pairs: &mut Vec<(u32, u32)>,
    ) {
        let (xs, ys) = lcs::trim_common_ends(xs, ys, pairs);
        if xs.is_empty() || ys.is_empty() {
            return;
        }
        if let ([one], [other]) = (xs, ys) {
            let unit = |row: &Row<'_>, item: &Item| row.units[item.position as usize];
            if self.have_same_identity((x.tree, unit(x, one).node), (y.tree, unit(y, other).node)) {
                pairs.push((one.position, other.position));
            }
            return;
        }
        let anchors = self.anchors(x, y, xs, ys);
        for (gap_x, gap_y) in lcs::gaps(&anchors, xs.len(), ys.len()) {
            lcs::match_rows(&xs[gap_x], &ys[gap_y], pairs);
        }
        let positions = |&(x, y): &(u32, u32)| (xs[x as usize].position, ys[y as usize].position);
        pairs.extend(anchors.iter().map(positions));
    }

    /// Returns parts that are unique in each row by content or identifier, as far as the order agrees.
    fn anchors(&self, x: &Row<'_>, y: &Row<'_>, xs: &[Item], ys: &[Item]) -> Vec<(u32, u32)> {
        let mut candidates = lcs::unique_matches(xs, ys);
        let taken: hashbrown::HashSet<u32> = candidates.iter().map(|one| one.x).collect();
        for one in &mut candidates {
            one.weight *= EQUAL_WEIGHT;
        }
        let mut add = |key: &dyn Fn(&Row<'_>, u32) -> Option<u64>, factor: u64| {
            let keyed = |row: &Row<'_>, items: &[Item]| -> Vec<Item> {
                let numbered = items.iter().zip(0..);
                let keyed = numbered.filter_map(|(item, position)| {
                    let key = key(row, row.units[item.position as usize].node)?;
                    Some(Item {
                        key,
                        position,
                        ..*item
                    })
                });
                keyed.collect()
            };
            let (keyed_x, keyed_y) = (keyed(x, xs), keyed(y, ys));
            for one in lcs::unique_matches(&keyed_x, &keyed_y) {
                let at_x = keyed_x[one.x as usize].position;
                let at_y = keyed_y[one.y as usize].position;
                let node = |row: &Row<'_>, item: &Item| row.units[item.position as usize].node;
                let nodes = (node(x, &xs[at_x as usize]), node(y, &ys[at_y as usize]));
                if !taken.contains(&at_x) && self.may_pair((x.tree, nodes.0), (y.tree, nodes.1)) {
                    candidates.push(Candidate {
                        x: at_x,
                        y: at_y,
                        weight: one.weight * factor,
                    });
                }
            }
        };
        add(
            &|row, node| self.content_key(row.tree, node),
            CONTENT_WEIGHT,
        );
        add(&|row, node| self.identity(row.tree, node), IDENTITY_WEIGHT);
        chain::heaviest_chain(candidates)
    }

    /// Matches nodes in the gaps: first those that are equal except for white space, then similar ones.
    fn match_nodes(&self, x: &Row<'_>, y: &Row<'_>, pairs: &mut Vec<(u32, u32)>) {
        let is_node = |unit: &Unit| !unit.is_text();
        if self.whitespace == Whitespace::Exact {
            for gap in lcs::gaps(pairs, x.units.len(), y.units.len()) {
                let xs = x.items(gap.0, is_node, |unit| x.tree.loose(unit.node));
                let ys = y.items(gap.1, is_node, |unit| y.tree.loose(unit.node));
                lcs::match_rows(&xs, &ys, pairs);
            }
            pairs.sort_unstable();
        }
        let gaps = lcs::gaps(pairs, x.units.len(), y.units.len());
        if gaps.is_empty() {
            return;
        }
        let rows = NodeRows::new(self, x, y);
        for gap in gaps {
            let xs = x.items(gap.0, is_node, |unit| unit.key);
            let ys = y.items(gap.1, is_node, |unit| unit.key);
            rows.match_gap(&xs, &ys, pairs);
            if !(self.keep_going)() {
                break;
            }
        }
    }
}
