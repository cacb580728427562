//! The content of one element as a row of parts: its children, and its texts in words or as they are.

use std::ops::Range;

use super::common::Item;
use super::matcher::Matching;
use crate::chars::is_blank;
use crate::options::Whitespace;
use crate::tree::{Span, Tree};
use crate::words;

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

/// Where a part of an element's content begins: a child, and how many bytes into its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) node: u32,
    pub(crate) offset: u32,
}

impl Place {
    pub(crate) fn before(node: u32) -> Self {
        Self { node, offset: 0 }
    }

    /// Right after a unit.
    pub(crate) fn after(tree: &Tree, unit: &Unit) -> Self {
        let node = tree.node(unit.node);
        let whole = tree.span(unit.node);
        let end = unit.text.start + unit.text.len;
        if unit.is_text() && end < whole.start + whole.len {
            Self {
                node: unit.node,
                offset: end - whole.start,
            }
        } else {
            Self::before(node.end)
        }
    }
}

/// What an element's content is made of.
pub(crate) enum Part {
    /// Something to match; what is before it is not known here.
    Unit(Unit),
    /// White space that does not count.
    Soft(Span),
}

impl Matching<'_> {
    /// The parts of an element between two places in it.
    pub(crate) fn row<'t>(
        &self,
        tree: &'t Tree,
        content: Content,
        range: &Range<Place>,
    ) -> Row<'t> {
        let mut row = Row {
            tree,
            units: Vec::new(),
            tail: Span::default(),
            content,
        };
        self.each_part(tree, content, range, |part| match part {
            Part::Soft(span) => row.tail = span,
            Part::Unit(unit) => {
                let lead = std::mem::take(&mut row.tail);
                row.units.push(Unit { lead, ..unit });
            }
        });
        row
    }

    /// Names the parts of an element between two places in it.
    pub(crate) fn each_part(
        &self,
        tree: &Tree,
        content: Content,
        range: &Range<Place>,
        mut found: impl FnMut(Part),
    ) {
        let mut at = range.start;
        while at < range.end {
            let node = tree.node(at.node);
            if node.is_text() {
                let whole = tree.span(at.node);
                let is_last = at.node == range.end.node;
                let end = if is_last { range.end.offset } else { whole.len };
                let span = Span {
                    start: whole.start + at.offset,
                    len: end - at.offset,
                };
                self.each_of_text(tree, content, (at.node, span), &mut found);
            } else {
                found(Part::Unit(Unit {
                    key: tree.exact[at.node as usize],
                    node: at.node,
                    text: Span::default(),
                    lead: Span::default(),
                }));
            }
            at = Place::before(node.end);
        }
    }

    /// White space that does not count is one space between words, and nothing between elements.
    fn each_of_text(
        &self,
        tree: &Tree,
        content: Content,
        (node, span): (u32, Span),
        found: &mut impl FnMut(Part),
    ) {
        let is_loose = self.is_loose(content);
        if is_loose && !content.is_mixed && is_blank(tree.str(span)) {
            found(Part::Soft(span));
            return;
        }
        let mut unit = |key, text| {
            found(Part::Unit(Unit {
                key,
                node,
                text,
                lead: Span::default(),
            }));
        };
        if !self.words {
            let key = if is_loose {
                tree.loose(node)
            } else {
                tree.exact[node as usize]
            };
            unit(key, span);
            return;
        }
        let mut start = span.start;
        for piece in words::pieces(tree.str(span)) {
            let len = piece.len() as u32;
            let is_gap = is_loose && is_blank(piece);
            let key = self.hashing.text(if is_gap { " " } else { piece });
            unit(key, Span { start, len });
            start += len;
        }
    }

    /// Whether white space in some content only separates.
    pub(crate) fn is_loose(&self, content: Content) -> bool {
        self.whitespace != Whitespace::Exact && !content.is_preserved
    }
}

impl Row<'_> {
    /// Where white space does not count, that at the end of the content is no unit.
    pub(crate) fn trim_end(&mut self) {
        if self.units.last().is_some_and(|unit| self.is_soft(unit)) {
            self.tail = self.units.pop().map_or(Span::default(), |unit| unit.text);
        }
    }

    /// The same at its start.
    pub(crate) fn trim_start(&mut self) {
        if self.units.len() > 1 && self.is_soft(&self.units[0]) {
            let first = self.units.remove(0);
            self.units[0].lead = first.text;
        }
    }

    fn is_soft(&self, unit: &Unit) -> bool {
        unit.is_text() && is_blank(self.tree.str(unit.text))
    }

    /// Where one of the units begins, and the white space before it that does not count.
    pub(crate) fn place(&self, unit: &Unit) -> Place {
        if unit.lead.len > 0 {
            // It is a text of its own, and so the node before.
            return Place::before(unit.node - 1);
        }
        let offset = if unit.is_text() {
            unit.text.start - self.tree.span(unit.node).start
        } else {
            0
        };
        Place {
            node: unit.node,
            offset,
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
        range: Range<usize>,
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
