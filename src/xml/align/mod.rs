//! Which parts of one element's content are which of another's.
//!
//! The finest sure signs first: equal content, once on either side; equal identifiers; equal content in the same order;
//! content that is equal but for white space; and where nothing is equal, what is most alike. Each step works in the
//! gaps that the ones before it left, and none takes time that grows with the square of a row's length.

mod chain;
mod common;
mod similar;
mod sketch;

use super::Whitespace;
use super::chars::is_blank;
use super::hashes::{Hashing, mix};
use super::names::{Name, NameId, Names, Text, XML_URI};
use super::tree::{Kind, Span, Tree};
use super::words;
use chain::Candidate;
use common::Item;

/// A part of an element's content: a child, or a piece of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    /// Equal for parts that are taken for equal.
    pub(crate) key: u64,
    /// The child that it is, or is a piece of.
    pub(crate) node: u32,
    /// The piece of text; empty for what is none.
    pub(crate) text: Span,
    /// White space before it that does not count.
    pub(crate) lead: Span,
}

impl Unit {
    pub(crate) fn is_text(&self) -> bool {
        self.text.len > 0
    }
}

/// The content of an element.
#[derive(Debug)]
pub(crate) struct Row<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) units: Vec<Unit>,
    /// White space after the last unit that does not count.
    pub(crate) tail: Span,
    is_mixed: bool,
}

/// How parts are matched.
pub(crate) struct Matching<'m> {
    pub(crate) hashing: &'m Hashing,
    /// Asked between steps; when it says no, what is matched so far is enough, for nobody wants it.
    pub(crate) goes_on: &'m dyn Fn() -> bool,
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
    /// The parts of an element, of its children in a range of nodes.
    pub(crate) fn row<'t>(
        &self,
        tree: &'t Tree,
        node: u32,
        range: std::ops::Range<u32>,
    ) -> Row<'t> {
        let is_mixed = tree.node(node).is_mixed();
        let mut row = Row {
            tree,
            units: Vec::new(),
            tail: Span::default(),
            is_mixed,
        };
        let mut next = range.start;
        while next < range.end {
            let child = next;
            let node = tree.node(child);
            next = node.end;
            if !node.is_text() {
                row.push(tree.exact[child as usize], child, Span::default());
            } else if self.whitespace != Whitespace::Exact && !node.is_preserved() {
                self.push_loose(&mut row, child);
            } else {
                self.push_exact(&mut row, child);
            }
        }
        row.trim(self.whitespace);
        row
    }

    fn push_exact(&self, row: &mut Row<'_>, child: u32) {
        let span = row.tree.node(child).span();
        if !self.words {
            row.push(row.tree.exact[child as usize], child, span);
            return;
        }
        let tree = row.tree;
        let mut start = span.start;
        for piece in words::pieces(tree.str(span)) {
            let len = piece.len() as u32;
            row.push(self.hashing.text(piece), child, Span { start, len });
            start += len;
        }
    }

    /// White space counts for one space between words, and for nothing between elements.
    fn push_loose(&self, row: &mut Row<'_>, child: u32) {
        let tree = row.tree;
        let span = tree.node(child).span();
        if is_blank(tree.str(span)) && !row.is_mixed {
            row.tail = span;
            return;
        }
        if !self.words {
            row.push(tree.loose[child as usize], child, span);
            return;
        }
        let mut start = span.start;
        for piece in words::pieces(tree.str(span)) {
            let len = piece.len() as u32;
            let key = if is_blank(piece) {
                self.hashing.text(" ")
            } else {
                self.hashing.text(piece)
            };
            row.push(key, child, Span { start, len });
            start += len;
        }
    }

    /// Pairs of parts that are the same, or become each other; both in order.
    pub(crate) fn align(&self, x: &Row<'_>, y: &Row<'_>) -> Vec<(u32, u32)> {
        let mut pairs = Vec::with_capacity(x.units.len().min(y.units.len()));
        if x.units.is_empty() || y.units.is_empty() {
            return pairs;
        }
        let is_flowing = x.is_mixed || y.is_mixed;
        let all = |row: &Row<'_>| -> Vec<Item> {
            let wanted = |unit: &Unit| is_flowing || !unit.is_text();
            row.items(0..row.units.len(), wanted, |unit| unit.key)
        };
        self.match_exact(x, y, &all(x), &all(y), &mut pairs);
        pairs.sort_unstable();
        if !(self.goes_on)() {
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
                let xs = x.items(gap.0, is_node, |unit| x.tree.loose[unit.node as usize]);
                let ys = y.items(gap.1, is_node, |unit| y.tree.loose[unit.node as usize]);
                common::match_rows(&xs, &ys, pairs);
            }
            pairs.sort_unstable();
        }
        for gap in common::gaps(pairs, x.units.len(), y.units.len()) {
            let xs = x.items(gap.0, is_node, |unit| unit.key);
            let ys = y.items(gap.1, is_node, |unit| unit.key);
            similar::match_nodes(self, x, y, &xs, &ys, pairs);
            if !(self.goes_on)() {
                break;
            }
        }
    }
}

impl Row<'_> {
    fn push(&mut self, key: u64, node: u32, text: Span) {
        let lead = std::mem::take(&mut self.tail);
        self.units.push(Unit {
            key,
            node,
            text,
            lead,
        });
    }

    /// Where white space does not count, that at the ends of text is no unit.
    fn trim(&mut self, whitespace: Whitespace) {
        if whitespace == Whitespace::Exact {
            return;
        }
        let is_soft = |row: &Self, unit: &Unit| {
            unit.is_text()
                && !row.tree.node(unit.node).is_preserved()
                && is_blank(row.tree.str(unit.text))
        };
        if self.units.last().is_some_and(|unit| is_soft(self, unit)) {
            self.tail = self.units.pop().map_or(Span::default(), |unit| unit.text);
        }
        if self.units.len() > 1 && is_soft(self, &self.units[0]) {
            let first = self.units.remove(0);
            self.units[0].lead = first.text;
        }
    }

    /// Some of the units, as a row of their own.
    pub(crate) fn part(&self, units: impl Iterator<Item = u32>) -> Row<'_> {
        Row {
            tree: self.tree,
            units: units.map(|unit| self.units[unit as usize]).collect(),
            tail: Span::default(),
            is_mixed: self.is_mixed,
        }
    }

    /// Some units of a stretch, for matching.
    fn items(
        &self,
        range: std::ops::Range<usize>,
        wanted: impl Fn(&Unit) -> bool,
        key: impl Fn(&Unit) -> u64,
    ) -> Vec<Item> {
        let mut items = Vec::with_capacity(range.len());
        for at in range {
            let unit = &self.units[at];
            if wanted(unit) {
                items.push(Item {
                    key: key(unit),
                    position: at as u32,
                    weight: self.weight(unit),
                });
            }
        }
        items
    }

    /// How much it says that a unit is matched.
    fn weight(&self, unit: &Unit) -> u32 {
        if unit.is_text() {
            unit.text.len
        } else {
            self.tree.size(unit.node).min(1 << 30) as u32
        }
    }
}
