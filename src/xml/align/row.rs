//! The content of one element as a row of parts: its children, and its texts in words or as they are.

use super::Matching;
use super::common::Item;
use crate::xml::Whitespace;
use crate::xml::chars::is_blank;
use crate::xml::tree::{Span, Tree};
use crate::xml::words;

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

/// What white space means in an element, in any version of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Content {
    /// There is text besides, so it separates.
    pub(crate) is_mixed: bool,
    /// It counts, every character of it.
    pub(crate) is_preserved: bool,
}

/// The content of an element.
#[derive(Debug)]
pub(crate) struct Row<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) units: Vec<Unit>,
    /// White space after the last unit that does not count.
    pub(crate) tail: Span,
    pub(crate) content: Content,
}

impl Matching<'_> {
    /// The parts of an element, of its children in a range of nodes.
    pub(crate) fn row<'t>(
        &self,
        tree: &'t Tree,
        content: Content,
        range: std::ops::Range<u32>,
    ) -> Row<'t> {
        let mut row = Row {
            tree,
            units: Vec::new(),
            tail: Span::default(),
            content,
        };
        let mut next = range.start;
        while next < range.end {
            let child = next;
            let node = tree.node(child);
            next = node.end;
            if !node.is_text() {
                row.push(tree.exact[child as usize], child, Span::default());
            } else if self.whitespace != Whitespace::Exact && !content.is_preserved {
                self.push_loose(&mut row, child);
            } else {
                self.push_exact(&mut row, child);
            }
        }
        if self.whitespace != Whitespace::Exact && !content.is_preserved {
            row.trim();
        }
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
        if is_blank(tree.str(span)) && !row.content.is_mixed {
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
    fn trim(&mut self) {
        let is_soft = |row: &Self, unit: &Unit| unit.is_text() && is_blank(row.tree.str(unit.text));
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
            content: self.content,
        }
    }

    /// Some units of a stretch, for matching.
    pub(super) fn items(
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
