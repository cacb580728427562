//! Turns the table of an element's content into operations: common text, differing text and nodes.

use std::borrow::Cow;
use std::ops::Range;

use hashbrown::HashMap;

use super::equality::Equal;
use super::marks::Mask;
use super::settings::Form;
use super::table::{AlignmentTable, NONE};
use crate::align::{Row, Unit};
use crate::hashes::Hashing;
use crate::options::{Additions, Whitespace};
use crate::tree::{Span, Tree};

/// A node that a group of versions has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) mask: Mask,
    pub(crate) tree: usize,
    pub(crate) node: u32,
}

/// A text that a group of versions has in common.
#[derive(Debug, Clone)]
pub(crate) struct Alternative {
    pub(crate) mask: Mask,
    pub(crate) text: Range<u32>,
}

/// An output operation.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Common text, or insignificant white space.
    Text {
        tree: usize,
        text: Span,
        is_preserved: bool,
    },
    /// A range of common child nodes.
    CommonNodes { tree: usize, next: u32, end: u32 },
    /// Text that differs: the range of its alternatives.
    Alternatives {
        range: Range<u32>,
        conflict: Option<u32>,
    },
    /// Text in an unordered element, marked so that it keeps its place.
    PinnedText(Range<u32>),
    /// A child node: its groups, and its original positions in an unordered element.
    Node {
        groups: Range<u32>,
        positions: Range<u32>,
        /// The node is part of a conflict; how many conflicts begin here.
        conflict: Option<u32>,
    },
}

/// The operations of an element's content.
#[derive(Debug, Default)]
pub(crate) struct ContentPlan {
    pub(crate) ops: Vec<Op>,
    pub(crate) groups: Vec<Group>,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) positions: Vec<(Mask, u32)>,
    /// The texts of the alternatives.
    pub(crate) text: String,
    /// Texts that count as equal.
    pub(crate) equal: Vec<Equal>,
}

impl ContentPlan {
    /// Adds common child nodes.
    pub(crate) fn push_common(&mut self, tree: usize, nodes: Range<u32>) {
        match self.ops.last_mut() {
            _ if nodes.is_empty() => {}
            Some(Op::CommonNodes { tree: one, end, .. }) if *one == tree && *end == nodes.start => {
                *end = nodes.end;
            }
            _ => self.ops.push(Op::CommonNodes {
                tree,
                next: nodes.start,
                end: nodes.end,
            }),
        }
    }
}

/// The meaning of the order of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The order is significant.
    Significant,
    /// The order is insignificant and equal in all versions.
    Same,
    /// The order is insignificant and differs.
    Shuffled,
}

/// The columns of conflicts, with the number of conflicts that begin there.
pub(crate) type ColumnConflicts = HashMap<usize, u32>;

/// Builds a plan from a table.
pub(crate) struct PlanBuilder<'b> {
    pub(crate) trees: &'b [Tree],
    /// The versions and the tree of each row.
    pub(crate) owners: &'b [(Mask, usize)],
    pub(crate) rows: &'b [Row<'b>],
    pub(crate) columns: Cow<'b, AlignmentTable>,
    pub(crate) whitespace: Whitespace,
    pub(crate) takes_last: bool,
    pub(crate) tolerance: f64,
    pub(crate) hashing: &'b Hashing,
    pub(crate) order: Order,
    /// Text must be marked to keep its place, because the element before it moves.
    pub(crate) is_pinned: bool,
    /// Several versions derive from the first row's, so that they can be in conflict.
    pub(crate) has_ancestor: bool,
    pub(crate) additions: Additions,
    pub(crate) form: Form,
    pub(crate) conflicts: ColumnConflicts,
    pub(crate) level: ContentPlan,
    /// For each unit of each row, its number among the elements; only in unordered content.
    pub(crate) numbers: Vec<Vec<u32>>,
}

impl PlanBuilder<'_> {
    /// Converts the columns to operations.
    pub(crate) fn build(mut self) -> ContentPlan {
        if self.has_ancestor && self.order == Order::Significant {
            self.drop_additions();
            self.conflicts = self.conflicts();
        }
        let mut column = 0;
        while column < self.columns.len() {
            let start = column;
            while column < self.columns.len() && self.unit(column).1.is_text() {
                column += 1;
            }
            if column > start {
                self.leading_space(start);
                self.text(start..column);
            }
            if column < self.columns.len() {
                self.leading_space(column);
                self.node(column);
                column += 1;
            }
        }
        let last = self.last_row();
        let tail = self.rows[last].trailing_space;
        self.insignificant_space(last, tail);
        self.level
    }

    /// The row of the last version.
    pub(super) fn last_row(&self) -> usize {
        let rows = 0..self.rows.len();
        rows.max_by_key(|&row| latest(self.owners[row].0))
            .unwrap_or(0)
    }

    /// The row of the last version that has a unit in a column, and the unit.
    pub(super) fn unit(&self, column: usize) -> (usize, &Unit) {
        let cells = self.columns.get(column);
        let row = (0..cells.len())
            .filter(|&row| cells[row] != NONE)
            .max_by_key(|&row| latest(self.owners[row].0))
            .expect("no column is empty");
        (row, &self.rows[row].units[cells[row] as usize])
    }

    /// Adds the insignificant white space before a unit, from the last version. In mixed content it would be
    /// significant in other versions.
    fn leading_space(&mut self, column: usize) {
        if column > 0 && self.rows[0].content.is_mixed {
            return;
        }
        let (row, unit) = self.unit(column);
        let lead = unit.leading_space;
        self.insignificant_space(row, lead);
    }

    fn insignificant_space(&mut self, row: usize, text: Span) {
        if text.len > 0 && self.whitespace == Whitespace::Loose {
            self.level.ops.push(Op::Text {
                tree: self.owners[row].1,
                text,
                is_preserved: false,
            });
        }
    }

    fn node(&mut self, column: usize) {
        self.is_pinned = self.order == Order::Shuffled;
        if let Some((tree, node)) = self.shared(column) {
            let after = self.trees[tree].node(node).end;
            self.level.push_common(tree, node..after);
            return;
        }
        let first = self.level.groups.len();
        let place = self.level.positions.len() as u32;
        for (row, &cell) in self.columns.get(column).iter().enumerate() {
            if cell == NONE {
                continue;
            }
            let (mask, tree) = self.owners[row];
            let unit = &self.rows[row].units[cell as usize];
            if self.order != Order::Significant && self.trees[tree].node(unit.node).is_element() {
                self.level
                    .positions
                    .push((mask, self.numbers[row][cell as usize]));
            }
            let same = self.level.groups[first..]
                .iter_mut()
                .find(|group| self.trees[group.tree].exact[group.node as usize] == unit.key);
            match same {
                Some(group) => {
                    if self.takes_last && latest(mask) > latest(group.mask) {
                        (group.tree, group.node) = (tree, unit.node);
                    }
                    group.mask |= mask;
                }
                None => self.level.groups.push(Group {
                    mask,
                    tree,
                    node: unit.node,
                }),
            }
        }
        self.level.groups[first..].sort_unstable_by_key(|group| group.mask.trailing_zeros());
        self.level.ops.push(Op::Node {
            groups: first as u32..self.level.groups.len() as u32,
            positions: place..self.level.positions.len() as u32,
            conflict: self.conflicts.get(&column).copied(),
        });
    }

    /// The node of a column that is equal in all versions, from the last of them.
    fn shared(&self, column: usize) -> Option<(usize, u32)> {
        let cells = self.columns.get(column);
        let unit =
            |row: usize| (cells[row] != NONE).then(|| &self.rows[row].units[cells[row] as usize]);
        let key = unit(0)?.key;
        let all = self.order == Order::Significant
            && (1..cells.len()).all(|row| unit(row).is_some_and(|unit| unit.key == key));
        let (row, last) = self.unit(column);
        all.then_some((self.owners[row].1, last.node))
    }

    fn text(&mut self, columns: Range<usize>) {
        if self.close_numbers(columns.clone()) {
            return;
        }
        let stretches = self.merge_short_runs(self.text_runs(columns));
        for stretch in stretches {
            if stretch.is_common && !self.is_pinned {
                for column in stretch.columns {
                    let (row, unit) = self.unit(column);
                    let (tree, unit) = (self.owners[row].1, *unit);
                    self.common_text(tree, &unit);
                }
            } else {
                self.text_alternatives(stretch.columns);
            }
        }
    }

    pub(super) fn common_text(&mut self, tree: usize, unit: &Unit) {
        let text = unit.text;
        let is_preserved = self.rows[0].content.is_preserved;
        if self.whitespace != Whitespace::Ignore
            && self.trees[tree].span(unit.node) == text
            && let Some(Op::CommonNodes { tree: one, end, .. }) = self.level.ops.last_mut()
            && *one == tree
            && *end == unit.node
        {
            *end += 1;
            return;
        }
        if let Some(Op::Text {
            tree: before,
            text: last,
            is_preserved: one,
        }) = self.level.ops.last_mut()
            && *before == tree
            && *one == is_preserved
            && last.start + last.len == text.start
        {
            last.len += text.len;
            return;
        }
        self.level.ops.push(Op::Text {
            tree,
            text,
            is_preserved,
        });
    }

    /// Adds text that differs, with the text of each row.
    fn text_alternatives(&mut self, columns: Range<usize>) {
        let first = self.level.alternatives.len();
        for row in 0..self.rows.len() {
            let start = self.level.text.len();
            for column in columns.clone() {
                let cell = self.columns.get(column)[row];
                if cell != NONE {
                    let row = &self.rows[row];
                    self.level
                        .text
                        .push_str(row.tree.str(row.units[cell as usize].text));
                }
            }
            if self.level.text.len() == start {
                continue;
            }
            let (before, own) = self.level.text.split_at(start);
            let same = self.level.alternatives[first..]
                .iter_mut()
                .find(|one| before[one.text.start as usize..one.text.end as usize] == *own);
            if let Some(same) = same {
                same.mask |= self.owners[row].0;
                self.level.text.truncate(start);
            } else {
                self.level.alternatives.push(Alternative {
                    mask: self.owners[row].0,
                    text: start as u32..self.level.text.len() as u32,
                });
            }
        }
        self.level.alternatives[first..].sort_unstable_by_key(|one| one.mask.trailing_zeros());
        let range = first as u32..self.level.alternatives.len() as u32;
        self.level.ops.push(if self.is_pinned {
            Op::PinnedText(range)
        } else {
            let conflicts = columns.filter_map(|column| self.conflicts.get(&column));
            Op::Alternatives {
                range,
                conflict: conflicts.copied().reduce(|sum, one| sum + one),
            }
        });
    }
}

/// The number of the last version in a set.
fn latest(versions: Mask) -> u32 {
    Mask::BITS - versions.leading_zeros()
}
