//! The columns of one element's content become what is written: text that all have, text that differs, nodes.

use std::ops::Range;

use super::alignment::{AlignmentTable, NONE};
use super::marks::Mask;
use crate::align::{Row, Unit};
use crate::options::Whitespace;
use crate::tree::{Span, Tree};

/// One node, as some versions have it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub(crate) mask: Mask,
    pub(crate) tree: usize,
    pub(crate) node: u32,
}

/// A text, as some versions have it.
#[derive(Debug, Clone)]
pub(crate) struct Alternative {
    pub(crate) mask: Mask,
    pub(crate) text: Range<u32>,
}

/// Something to write.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    /// Text that everybody has, or that counts for nothing.
    Bare {
        tree: usize,
        text: Span,
        is_preserved: bool,
    },
    /// Children of the tree, from one up to another, that everybody has alike.
    Run { tree: usize, next: u32, end: u32 },
    /// Text that differs: alternatives.
    Region(Range<u32>),
    /// The same, or text that all have, that stays where it is while the elements around it move.
    Fixed(Range<u32>),
    /// A child: groups, and where it was in each version if that is not its order.
    Node {
        groups: Range<u32>,
        positions: Range<u32>,
    },
}

/// The content of an element in several versions, ready to be written.
#[derive(Debug, Default)]
pub(crate) struct Level {
    pub(crate) ops: Vec<Op>,
    pub(crate) groups: Vec<Group>,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) positions: Vec<(Mask, u32)>,
    /// The texts of alternatives.
    pub(crate) text: String,
}

impl Level {
    /// Adds children that everybody has alike.
    pub(crate) fn run(&mut self, tree: usize, nodes: Range<u32>) {
        match self.ops.last_mut() {
            _ if nodes.is_empty() => {}
            Some(Op::Run { tree: one, end, .. }) if *one == tree && *end == nodes.start => {
                *end = nodes.end;
            }
            _ => self.ops.push(Op::Run {
                tree,
                next: nodes.start,
                end: nodes.end,
            }),
        }
    }
}

/// What the order of elements means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// It is theirs.
    Counts,
    /// Nothing, and it is the same in all versions.
    Same,
    /// Nothing, and it is another in some version.
    Shuffled,
}

/// What is put together.
pub(crate) struct Builder<'b> {
    pub(crate) trees: &'b [Tree],
    /// Who has each row, and from which tree it is.
    pub(crate) owners: &'b [(Mask, usize)],
    pub(crate) rows: &'b [Row<'b>],
    pub(crate) columns: &'b AlignmentTable,
    pub(crate) whitespace: Whitespace,
    pub(crate) order: Order,
    /// Text must not go with the element before it, for that moves.
    pub(crate) is_held: bool,
    /// Neighbouring changes stay apart unless the same versions made them.
    pub(crate) keep_apart: bool,
    pub(crate) level: Level,
    /// Of each row's units, the number among the elements; where order does not count.
    pub(crate) numbers: Vec<Vec<u32>>,
}

impl Builder<'_> {
    /// Adds what the columns say to the level.
    pub(crate) fn build(mut self) -> Level {
        let mut column = 0;
        while column < self.columns.len() {
            let start = column;
            while column < self.columns.len() && self.unit(column).1.is_text() {
                column += 1;
            }
            if column > start {
                self.lead(start);
                self.text(start..column);
            }
            if column < self.columns.len() {
                self.lead(column);
                self.node(column);
                column += 1;
            }
        }
        let last = self.rows.len() - 1;
        let tail = self.rows[last].tail;
        self.soft(last, tail);
        self.level
    }

    /// The last row that has something in a column, and what.
    fn unit(&self, column: usize) -> (usize, &Unit) {
        let cells = self.columns.get(column);
        let row = cells
            .iter()
            .rposition(|&cell| cell != NONE)
            .expect("no column is empty");
        (row, &self.rows[row].units[cells[row] as usize])
    }

    /// White space before a unit that does not count: that of the last version. Among text it would count in the middle of
    /// another version's.
    fn lead(&mut self, column: usize) {
        if column > 0 && self.rows[0].content.is_mixed {
            return;
        }
        let (row, unit) = self.unit(column);
        let lead = unit.lead;
        self.soft(row, lead);
    }

    fn soft(&mut self, row: usize, text: Span) {
        if text.len > 0 && self.whitespace == Whitespace::Loose {
            self.level.ops.push(Op::Bare {
                tree: self.owners[row].1,
                text,
                is_preserved: false,
            });
        }
    }

    fn node(&mut self, column: usize) {
        self.is_held = self.order == Order::Shuffled;
        if let Some((tree, node)) = self.shared(column) {
            let after = self.trees[tree].node(node).end;
            self.level.run(tree, node..after);
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
            if self.order != Order::Counts && self.trees[tree].node(unit.node).is_element() {
                self.level
                    .positions
                    .push((mask, self.numbers[row][cell as usize]));
            }
            let same = self.level.groups[first..]
                .iter_mut()
                .find(|group| self.trees[group.tree].exact[group.node as usize] == unit.key);
            match same {
                Some(group) => {
                    group.mask |= mask;
                    if self.whitespace == Whitespace::Loose {
                        (group.tree, group.node) = (tree, unit.node);
                    }
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
        });
    }

    /// The node of a column that all have alike, as the last of them has it.
    fn shared(&self, column: usize) -> Option<(usize, u32)> {
        let cells = self.columns.get(column);
        let unit =
            |row: usize| (cells[row] != NONE).then(|| &self.rows[row].units[cells[row] as usize]);
        let key = unit(0)?.key;
        let all = self.order == Order::Counts
            && (1..cells.len()).all(|row| unit(row).is_some_and(|unit| unit.key == key));
        let (row, last) = self.unit(column);
        all.then_some((self.owners[row].1, last.node))
    }

    fn text(&mut self, columns: Range<usize>) {
        let stretches = self.fold(self.stretches(columns));
        for stretch in stretches {
            if stretch.is_common && !self.is_held {
                for column in stretch.columns {
                    let (row, unit) = self.unit(column);
                    let (tree, unit) = (self.owners[row].1, *unit);
                    self.bare(tree, &unit);
                }
            } else {
                self.region(stretch.columns);
            }
        }
    }

    fn bare(&mut self, tree: usize, unit: &Unit) {
        let text = unit.text;
        let is_preserved = self.rows[0].content.is_preserved;
        if self.whitespace != Whitespace::Ignore
            && self.trees[tree].span(unit.node) == text
            && let Some(Op::Run { tree: one, end, .. }) = self.level.ops.last_mut()
            && *one == tree
            && *end == unit.node
        {
            *end += 1;
            return;
        }
        if let Some(Op::Bare {
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
        self.level.ops.push(Op::Bare {
            tree,
            text,
            is_preserved,
        });
    }

    /// Text that differs, as each row has it.
    fn region(&mut self, columns: Range<usize>) {
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
        self.level.ops.push(if self.is_held {
            Op::Fixed(range)
        } else {
            Op::Region(range)
        });
    }
}
