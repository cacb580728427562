//! Which parts of one element's content are which of another's.
//!
//! The finest sure signs first: equal content, once on either side; equal identifiers; equal content in the same order;
//! content that is equal but for white space; and where nothing is equal, what is most alike. Each step works in the
//! gaps that the ones before it left, and none takes time that grows with the square of a row's length.

mod chain;
mod common;
mod row;
mod similar;
mod sketch;

use super::Whitespace;
use super::hashes::{Hashing, mix};
use super::names::{Name, NameId, Names, Text, XML_URI};
use super::tree::{Kind, Tree};
use chain::Candidate;
pub(crate) use chain::telling;
pub(crate) use common::{Item, unique};
pub(crate) use row::{Content, Part, Place, Row, Unit};

/// How parts are matched.
pub(crate) struct Matching<'m> {
    pub(crate) hashing: &'m Hashing,
    /// Asked between steps; when it says no, what is matched so far is enough, for nobody wants it.
    pub(crate) keep_going: &'m dyn Fn() -> bool,
    pub(crate) names: &'m Names,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    /// Attributes that name what they are on, most telling first.
    pub(crate) ids: [NameId; 4],
}

/// The attributes that are taken for identifiers.
pub(crate) fn ids(names: &mut Names) -> [NameId; 4] {
    let xml = names.text("xml");
    let uri = names.text(XML_URI);
    let [id, key, name] = ["id", "key", "name"].map(|one| names.text(one));
    let plain = |local| Name {
        prefix: Text::EMPTY,
        local,
        uri: Text::EMPTY,
    };
    let xml_id = Name {
        prefix: xml,
        local: id,
        uri,
    };
    [xml_id, plain(id), plain(key), plain(name)].map(|one| names.name(one))
}

impl Matching<'_> {
    /// Pairs of parts that are the same, or become each other; both in order.
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
            for gap in common::gaps(&pairs, x.units.len(), y.units.len()) {
                let xs = x.items(gap.0, Unit::is_text, |unit| unit.key);
                let ys = y.items(gap.1, Unit::is_text, |unit| unit.key);
                common::match_rows(&xs, &ys, &mut pairs);
            }
            pairs.sort_unstable();
        }
        pairs
    }

    /// Equal parts, and elements with equal identifiers.
    fn match_exact(
        &self,
        x: &Row<'_>,
        y: &Row<'_>,
        xs: &[Item],
        ys: &[Item],
        pairs: &mut Vec<(u32, u32)>,
    ) {
        let (xs, ys) = common::trim(xs, ys, pairs);
        if xs.is_empty() || ys.is_empty() {
            return;
        }
        if let ([one], [other]) = (xs, ys) {
            let unit = |row: &Row<'_>, item: &Item| row.units[item.position as usize];
            if self.are_namesakes((x.tree, &unit(x, one)), (y.tree, &unit(y, other))) {
                pairs.push((one.position, other.position));
            }
            return;
        }
        let anchors = self.anchors(x, y, xs, ys);
        for (gap_x, gap_y) in common::gaps(&anchors, xs.len(), ys.len()) {
            common::match_rows(&xs[gap_x], &ys[gap_y], pairs);
        }
        let positions = |&(x, y): &(u32, u32)| (xs[x as usize].position, ys[y as usize].position);
        pairs.extend(anchors.iter().map(positions));
    }

    /// What is once in each row, by content or by identifier, as much as is in the same order.
    fn anchors(&self, x: &Row<'_>, y: &Row<'_>, xs: &[Item], ys: &[Item]) -> Vec<(u32, u32)> {
        let mut candidates = common::unique(xs, ys);
        let taken: hashbrown::HashSet<u32> = candidates.iter().map(|one| one.x).collect();
        for one in &mut candidates {
            one.weight *= 2;
        }
        let identified = |row: &Row<'_>, items: &[Item]| -> Vec<Item> {
            let keyed = items.iter().enumerate().filter_map(|(at, item)| {
                let key = self.identity(row.tree, &row.units[item.position as usize])?;
                Some(Item {
                    key,
                    position: at as u32,
                    ..*item
                })
            });
            keyed.collect()
        };
        let (ids_x, ids_y) = (identified(x, xs), identified(y, ys));
        for one in common::unique(&ids_x, &ids_y) {
            let (at_x, at_y) = (
                ids_x[one.x as usize].position,
                ids_y[one.y as usize].position,
            );
            let nodes = (
                &x.units[xs[at_x as usize].position as usize],
                &y.units[ys[at_y as usize].position as usize],
            );
            if !taken.contains(&at_x)
                && self.may_pair((x.tree, nodes.0.node), (y.tree, nodes.1.node))
            {
                candidates.push(Candidate {
                    x: at_x,
                    y: at_y,
                    weight: one.weight,
                });
            }
        }
        chain::heaviest(candidates)
    }

    /// Pairs elements in whatever order: those with the same identity, then those that are alike.
    pub(crate) fn match_freely(
        &self,
        xs: &[(&Tree, Unit)],
        ys: &[(&Tree, Unit)],
    ) -> Vec<(u32, u32)> {
        similar::match_freely(self, xs, ys)
    }

    /// What an element is called by: its key, or an attribute that looks like one.
    fn identity(&self, tree: &Tree, unit: &Unit) -> Option<u64> {
        if unit.is_text() {
            return None;
        }
        let Kind::Element(name) = tree.node(unit.node).kind() else {
            return None;
        };
        if let Some(&key) = tree.keys.get(&unit.node) {
            return Some(
                self.hashing
                    .pair(mix(u64::MAX, name.0.into()), tree.str(key)),
            );
        }
        let attributes = tree.attributes(unit.node);
        let id = self
            .ids
            .iter()
            .find_map(|id| attributes.iter().find(|one| one.name == *id))?;
        Some(
            self.hashing
                .pair(mix(id.name.0.into(), name.0.into()), tree.str(id.value)),
        )
    }

    /// Whether two elements have the same identity, and can stand for each other.
    fn are_namesakes(&self, x: (&Tree, &Unit), y: (&Tree, &Unit)) -> bool {
        let identity = self.identity(x.0, x.1);
        identity.is_some()
            && identity == self.identity(y.0, y.1)
            && self.may_pair((x.0, x.1.node), (y.0, y.1.node))
    }

    /// Whether two nodes can stand for each other at all.
    pub(crate) fn may_pair(&self, x: (&Tree, u32), y: (&Tree, u32)) -> bool {
        let (one, other) = (x.0.node(x.1), y.0.node(y.1));
        if one.kind() != other.kind() {
            return false;
        }
        let key = |(tree, node): (&Tree, u32)| {
            tree.keys
                .get(&node)
                .map(|&key| self.hashing.str(tree.str(key)))
        };
        if key(x) != key(y) {
            return false;
        }
        // An attribute's prefix means one thing on one element.
        let clashes = |(tree, node): (&Tree, u32)| {
            tree.attributes(node).iter().any(|attribute| {
                let prefix = self.names.get(attribute.name).prefix;
                prefix != Text::EMPTY && self.names.differs(prefix, one.scope, other.scope)
            })
        };
        one.scope == other.scope || !(clashes(x) || clashes(y))
    }

    /// Nodes in the gaps: equal but for white space, then alike.
    fn match_nodes(&self, x: &Row<'_>, y: &Row<'_>, pairs: &mut Vec<(u32, u32)>) {
        let is_node = |unit: &Unit| !unit.is_text();
        if self.whitespace == Whitespace::Exact {
            for gap in common::gaps(pairs, x.units.len(), y.units.len()) {
                let xs = x.items(gap.0, is_node, |unit| x.tree.loose(unit.node));
                let ys = y.items(gap.1, is_node, |unit| y.tree.loose(unit.node));
                common::match_rows(&xs, &ys, pairs);
            }
            pairs.sort_unstable();
        }
        for gap in common::gaps(pairs, x.units.len(), y.units.len()) {
            let xs = x.items(gap.0, is_node, |unit| unit.key);
            let ys = y.items(gap.1, is_node, |unit| unit.key);
            similar::match_nodes(self, x, y, &xs, &ys, pairs);
            if !(self.keep_going)() {
                break;
            }
        }
    }
}
