//! The content of one element as a row of units: child nodes, and text as words or as a whole.

use std::ops::Range;

use super::lcs::Item;
use super::matcher::Matcher;
use crate::chars::is_blank;
use crate::options::Whitespace;
use crate::tokens;
use crate::tree::{Span, Tree};

/// A unit of an element's content: a child node or a piece of text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unit {
    /// Equal units have equal keys.
    pub(crate) key: u64,
    /// The child node that the unit is, or is a piece of.
    pub(crate) node: u32,
    /// The piece of text; empty for other nodes.
    pub(crate) text: Span,
    /// Insignificant white space before the unit.
    pub(crate) leading_space: Span,
}

impl Unit {
    pub(crate) fn is_text(&self) -> bool {
        self.text.len > 0
    }
}

/// How white space counts in an element, considering all versions of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Content {
    /// The element contains text, so white space separates words.
    pub(crate) is_mixed: bool,
    /// `xml:space="preserve"`: every character is significant.
    pub(crate) is_preserved: bool,
}

/// The content of an element.
#[derive(Debug)]
pub(crate) struct Row<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) units: Vec<Unit>,
    /// Insignificant white space after the last unit.
    pub(crate) trailing_space: Span,
    pub(crate) content: Content,
}

/// A position in an element's content: a child node, and a byte offset into its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContentPosition {
    pub(crate) node: u32,
    pub(crate) offset: u32,
}

impl ContentPosition {
    pub(crate) fn before(node: u32) -> Self {
        Self { node, offset: 0 }
    }

    /// The position right after a unit.
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

/// A part of an element's content.
pub(crate) enum Part {
    /// A unit to match; its leading white space is not set.
    Unit(Unit),
    /// Insignificant white space.
    InsignificantSpace(Span),
}

impl Matcher<'_> {
    /// Returns the units of an element between two positions.
    pub(crate) fn row<'t>(
        &self,
        tree: &'t Tree,
        content: Content,
        range: &Range<ContentPosition>,
    ) -> Row<'t> {
        let mut row = Row {
            tree,
            units: Vec::new(),
            trailing_space: Span::default(),
            content,
        };
        self.for_each_part(tree, content, range, |part| match part {
            Part::InsignificantSpace(span) => row.trailing_space = span,
            Part::Unit(unit) => {
                let lead = std::mem::take(&mut row.trailing_space);
                row.units.push(Unit {
                    leading_space: lead,
                    ..unit
                });
            }
        });
        row
    }

    /// Calls `found` for each part of an element between two positions.
    pub(crate) fn for_each_part(
        &self,
        tree: &Tree,
        content: Content,
        range: &Range<ContentPosition>,
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
                self.for_each_text_part(tree, content, (at.node, span), &mut found);
            } else {
                found(Part::Unit(Unit {
                    key: tree.exact[at.node as usize],
                    node: at.node,
                    text: Span::default(),
                    leading_space: Span::default(),
                }));
            }
            at = ContentPosition::before(node.end);
        }
    }

    /// Splits text into parts. Insignificant white space equals one space between words, and nothing between elements.
    fn for_each_text_part(
        &self,
        tree: &Tree,
        content: Content,
        (node, span): (u32, Span),
        found: &mut impl FnMut(Part),
    ) {
        let is_loose = self.is_loose(content);
        if is_loose && !content.is_mixed && is_blank(tree.str(span)) {
            found(Part::InsignificantSpace(span));
            return;
        }
        let mut unit = |key, text| {
            found(Part::Unit(Unit {
                key,
                node,
                text,
                leading_space: Span::default(),
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
        for piece in tokens::tokens(tree.str(span)) {
            let len = piece.len() as u32;
            let is_gap = is_loose && is_blank(piece);
            let key = self.hashing.text(if is_gap { " " } else { piece });
            unit(key, Span { start, len });
            start += len;
        }
    }

    /// Whether white space in this content only separates words.
    pub(crate) fn is_loose(&self, content: Content) -> bool {
        self.whitespace != Whitespace::Exact && !content.is_preserved
    }
}

impl Row<'_> {
    /// Removes insignificant white space at the end of the content from the units.
    pub(crate) fn trim_end(&mut self) {
        if self
            .units
            .last()
            .is_some_and(|unit| self.is_insignificant(unit))
        {
            self.trailing_space = self.units.pop().map_or(Span::default(), |unit| unit.text);
        }
    }

    /// Removes insignificant white space at the start of the content from the units.
    pub(crate) fn trim_start(&mut self) {
        if self.units.len() > 1 && self.is_insignificant(&self.units[0]) {
            let first = self.units.remove(0);
            self.units[0].leading_space = first.text;
        }
    }

    fn is_insignificant(&self, unit: &Unit) -> bool {
        unit.is_text() && is_blank(self.tree.str(unit.text))
    }

    /// The position of a unit, including the insignificant white space before it.
    pub(crate) fn position(&self, unit: &Unit) -> ContentPosition {
        let whole = self.tree.span(unit.node);
        let space = unit.leading_space;
        if space.len > 0 {
            let is_same_text = unit.is_text() && space.start + space.len == unit.text.start;
            return if is_same_text {
                ContentPosition {
                    node: unit.node,
                    offset: space.start - whole.start,
                }
            } else {
                // The white space is a text node of its own, right before the unit's node.
                ContentPosition::before(unit.node - 1)
            };
        }
        let offset = if unit.is_text() {
            unit.text.start - whole.start
        } else {
            0
        };
        ContentPosition {
            node: unit.node,
            offset,
        }
    }

    /// Returns a row of some of the units.
    pub(crate) fn subrow(&self, units: impl Iterator<Item = u32>) -> Row<'_> {
        Row {
            tree: self.tree,
            units: units.map(|unit| self.units[unit as usize]).collect(),
            trailing_space: Span::default(),
            content: self.content,
        }
    }

    /// Returns some units of a range as items to match.
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

    /// The weight of matching a unit: its size.
    fn weight(&self, unit: &Unit) -> u32 {
        if unit.is_text() {
            unit.text.len
        } else {
            self.tree.size(unit.node).min(1 << 30) as u32
        }
    }
}
