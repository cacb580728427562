//! An element that differs, from its start tag to its end.

use super::columns::Layout;
use super::level::{Builder, Group, Level, Order};
use super::marks::{Mask, Mode};
use super::{Counts, Form, Merger, trim};
use crate::xml::Whitespace;
use crate::xml::align::{self, Content, Matching, Row};
use crate::xml::names::{NameId, Scope};
use crate::xml::tree::{Kind, Node};

/// An element that is being written.
pub(super) struct Frame {
    pub(super) level: Level,
    pub(super) next: usize,
    /// Who has it.
    pub(super) mask: Mask,
    name: NameId,
    outer: Scope,
    /// What is in it carries marks.
    pub(super) is_marked: bool,
    /// It says where it was in each version.
    is_placed: bool,
    groups: Vec<Group>,
    /// Where it begins in what is written, and what was counted before it.
    start: usize,
    outer_counts: Counts,
}

/// How an element begins.
pub(super) struct Opening<'o> {
    /// Who has it.
    pub(super) mask: Mask,
    /// More attributes.
    pub(super) marks: &'o str,
    /// What is in it carries marks.
    pub(super) is_marked: bool,
    /// It says where it was in each version.
    pub(super) is_placed: bool,
}

impl Opening<'_> {
    /// Of an element that is in what is merged, with marks only where something in it contradicts.
    pub(super) fn unmarked(mask: Mask) -> Self {
        Self {
            mask,
            marks: "",
            is_marked: false,
            is_placed: false,
        }
    }
}

impl Merger<'_> {
    /// Begins an element that differs.
    pub(super) fn open(&mut self, groups: Vec<Group>, opening: &Opening<'_>) {
        let first = groups[0];
        let tree = &self.trees[first.tree];
        let Kind::Element(name) = tree.node(first.node).kind() else {
            unreachable!("only elements are opened");
        };
        let start = self.out.text.len();
        let outer = self.out.scope;
        let outer_counts = self.counts;
        self.out.raw("<");
        self.out.name(name);
        for (number, group) in groups.iter().enumerate() {
            let scope = self.trees[group.tree].node(group.node).scope;
            if number == 0 {
                self.out.enter(scope);
            } else {
                self.out.enter_beside(scope);
            }
        }
        self.out.raw(opening.marks);
        self.attributes(&groups, opening.mask, opening.is_marked);
        let level = self.level(&groups);
        self.frames.push(Frame {
            level,
            next: 0,
            mask: opening.mask,
            name,
            outer,
            is_marked: opening.is_marked,
            is_placed: opening.is_placed,
            groups,
            start,
            outer_counts,
        });
    }

    fn level(&self, groups: &[Group]) -> Level {
        let progress = self.progress();
        let goes_on = || self.watcher.goes_on(progress);
        let matching = Matching {
            hashing: self.hashing,
            goes_on: &goes_on,
            names: &self.out.names,
            whitespace: self.settings.whitespace,
            words: self.settings.words,
            ids: self.ids,
        };
        let layout = Layout {
            matching: &matching,
            is_sequential: self.settings.mode == Mode::Sequential,
        };
        let trees = self.trees;
        let is_orderless = groups
            .iter()
            .any(|group| trees[group.tree].orderless.contains(&group.node));
        let may_trim = !is_orderless && self.settings.whitespace == Whitespace::Exact;
        let ends = if may_trim {
            trim::ends(trees, groups)
        } else {
            trim::whole(trees, groups)
        };
        let nodes = || {
            groups
                .iter()
                .map(|group| trees[group.tree].node(group.node))
        };
        let content = Content {
            is_mixed: nodes().any(Node::is_mixed),
            is_preserved: nodes().any(Node::is_preserved),
        };
        let row = |(group, range): (&Group, &std::ops::Range<u32>)| {
            matching.row(&trees[group.tree], content, range.clone())
        };
        let rows: Vec<Row<'_>> = groups.iter().zip(&ends.middles).map(row).collect();
        let columns = if is_orderless {
            layout.orderless(&rows)
        } else {
            layout.ordered(&rows)
        };
        let order = match is_orderless {
            false => Order::Counts,
            true if columns.are_shuffled() => Order::Shuffled,
            true => Order::Same,
        };
        let owners: Vec<(Mask, usize)> = groups
            .iter()
            .map(|group| (group.mask, group.tree))
            .collect();
        let builder = Builder {
            trees,
            owners: &owners,
            numbers: if is_orderless {
                rows.iter().map(numbers).collect()
            } else {
                Vec::new()
            },
            rows: &rows,
            columns: &columns,
            whitespace: self.settings.whitespace,
            order,
            is_held: false,
            keep_apart: rows.len() > 2,
            level: Level::default(),
        };
        builder.build((groups[0].tree, ends.head, ends.tail))
    }

    /// Ends the element that was begun last; if its marks are too many, its versions go out whole instead.
    pub(super) fn end(&mut self) {
        let frame = self.frames.pop().expect("there is one");
        self.out.close(frame.name, frame.outer);
        if !frame.is_marked || self.frames.is_empty() || self.settings.form == Form::Merged {
            return;
        }
        let sizes = frame
            .groups
            .iter()
            .map(|group| self.trees[group.tree].size(group.node));
        let written = self.out.text.len() - frame.start;
        if frame.is_placed || !self.budget.prefers_whole(written, sizes.sum()) {
            return;
        }
        self.out.text.truncate(frame.start);
        self.counts = frame.outer_counts;
        for group in frame.groups {
            self.counts.changes += 1;
            self.marked_copy(group, group.mask);
        }
    }
}

/// Of each unit of a row, its number among the elements, from 1.
fn numbers(row: &Row<'_>) -> Vec<u32> {
    let mut count = 0;
    let number = |unit: &align::Unit| {
        count += u32::from(!unit.is_text() && row.tree.node(unit.node).is_element());
        count
    };
    row.units.iter().map(number).collect()
}
