//! Aligns the content of an element that differs: at once, or in windows if it is long.

use std::borrow::Cow;

use super::alignment::Aligner;
use super::common_ends;
use super::frame::PendingContent;
use super::marks::Mask;
use super::merger::Merger;
use super::plan::{ColumnConflicts, ContentPlan, Group, Order, PlanBuilder};
use super::table::{AlignmentTable, NONE};
use super::windows::{Boundary, Window, Windows};
use crate::align::{self, Content, Matcher, Row};
use crate::options::{Mode, Whitespace};
use crate::tree::Span;

impl Merger<'_> {
    /// Prepares the content of an element that differs.
    pub(super) fn pending_content(&self, groups: &[Group]) -> PendingContent {
        let trees = self.trees;
        let is_orderless = groups
            .iter()
            .any(|group| trees[group.tree].unordered.contains(&group.node));
        let nodes = || {
            groups
                .iter()
                .map(|group| trees[group.tree].node(group.node))
        };
        let content = Content {
            is_mixed: nodes().any(|node| node.is_mixed()),
            is_preserved: nodes().any(|node| node.is_preserved()),
        };
        let may_trim = !is_orderless
            && !self.settings.takes_last
            && self.settings.matching.whitespace == Whitespace::Exact;
        let mut ends = if may_trim {
            common_ends::trim_prefix(trees, groups)
        } else {
            common_ends::untrimmed(trees, groups)
        };
        let of_tree = |group: &Group| &trees[group.tree];
        let middles = || groups.iter().map(of_tree).zip(ends.middles.iter().cloned());
        let windows = if is_orderless {
            None
        } else {
            Windows::for_long_content(
                self.settings.matching.window,
                &self.matching(&|| true),
                content,
                middles(),
            )
        };
        let windows = windows.unwrap_or_else(|| {
            if may_trim {
                common_ends::trim_suffix(trees, groups, &mut ends);
            }
            Windows::single(&ends.middles)
        });
        PendingContent {
            content,
            is_unordered: is_orderless,
            common_prefix: ends.prefix,
            common_suffix: ends.suffix,
            windows,
        }
    }

    /// Aligns the next window of an element's content.
    pub(super) fn next_plan(
        &mut self,
        groups: &[Group],
        contents: &mut PendingContent,
    ) -> Option<ContentPlan> {
        let window = contents.windows.next()?;
        let progress = self.progress();
        let keep_going = || self.sink.progress(progress).is_continue();
        let matching = self.matching(&keep_going);
        let layout = Aligner {
            matching: &matching,
            is_sequential: self.settings.mode == Mode::Sequential,
        };
        let mut rows: Vec<Row<'_>> = groups
            .iter()
            .zip(&window.ranges)
            .map(|(group, range)| matching.row(&self.trees[group.tree], contents.content, range))
            .collect();
        if matching.is_loose(contents.content) {
            for row in &mut rows {
                if window.is_last {
                    row.trim_end();
                }
                if window.is_first {
                    row.trim_start();
                }
            }
        }
        let mut columns = if contents.is_unordered {
            layout.unordered(&rows)
        } else {
            layout.ordered(&rows)
        };
        if let Some(targets) = &window.forced {
            let points = trim_window(&mut rows, &mut columns, &window, targets);
            contents.windows.resume_at(points);
        }
        let mut level = ContentPlan::default();
        if window.is_first {
            level.push_common(groups[0].tree, contents.common_prefix.clone());
        }
        let mut level = self.build(groups, contents.is_unordered, &rows, &columns, level);
        if window.is_last {
            level.push_common(groups[0].tree, contents.common_suffix.clone());
        }
        self.equal.extend(level.equal.drain(..));
        Some(level)
    }

    fn build(
        &self,
        groups: &[Group],
        is_orderless: bool,
        rows: &[Row<'_>],
        columns: &AlignmentTable,
        level: ContentPlan,
    ) -> ContentPlan {
        let order = match is_orderless {
            false => Order::Significant,
            true if columns.are_shuffled() => Order::Shuffled,
            true => Order::Same,
        };
        let owners: Vec<(Mask, usize)> = groups
            .iter()
            .map(|group| (group.mask, group.tree))
            .collect();
        let builder = PlanBuilder {
            trees: self.trees,
            owners: &owners,
            numbers: if is_orderless {
                rows.iter().map(numbers).collect()
            } else {
                Vec::new()
            },
            rows,
            columns: Cow::Borrowed(columns),
            whitespace: self.settings.matching.whitespace,
            takes_last: self.settings.takes_last,
            tolerance: self.settings.matching.tolerance,
            hashing: self.hashing,
            order,
            is_pinned: false,
            has_ancestor: self.settings.mode != Mode::Sequential && groups[0].mask & 1 != 0,
            additions: self.settings.additions,
            form: self.settings.form,
            conflicts: ColumnConflicts::new(),
            level,
        };
        builder.build()
    }

    fn matching<'m>(&'m self, keep_going: &'m dyn Fn() -> bool) -> Matcher<'m> {
        Matcher {
            hashing: self.hashing,
            keep_going,
            names: &self.out.names,
            whitespace: self.settings.matching.whitespace,
            words: self.settings.matching.words,
            ids: &self.ids,
            sketches: &self.sketches,
        }
    }
}

/// Decides how much of a window to use that does not end at a common boundary, which is `targets` units from the
/// start. Returns the position to continue from.
fn trim_window(
    rows: &mut [Row<'_>],
    columns: &mut AlignmentTable,
    window: &Window,
    targets: &[u32],
) -> Vec<Boundary> {
    let is_whole = |column: &usize| !columns.get(*column).contains(&NONE);
    let matched = (0..columns.len()).rev().find(is_whole);
    let matched = matched.map_or(0, |last| last + 1);
    let few = columns.len() / 4;
    if matched >= columns.len() - few {
        // Units after the last match may match in the next window.
        columns.truncate(matched);
    } else {
        // Assume an insertion in the rows whose way to the common boundary is longer than the shortest.
        let used = |row| columns.count_before(matched, row);
        let left: Vec<u32> = (0..rows.len())
            .map(|row| targets[row] - window.starts[row] - used(row) as u32)
            .collect();
        let shortest = left.iter().min().copied().unwrap_or(0);
        let mut surplus: Vec<u32> = left.iter().map(|left| left - shortest).collect();
        let mut fewer = columns.clone();
        fewer.retain_after(matched, &mut surplus);
        if fewer.len() > few {
            *columns = fewer;
        }
    }
    let ranges = window.ranges.iter().zip(&window.starts);
    let points = ranges
        .zip(rows)
        .enumerate()
        .map(|(number, ((range, start), row))| {
            let used = columns.count_before(columns.len(), number);
            let next = row.units.get(used).map(|unit| row.position(unit));
            if next.is_some() {
                row.trailing_space = Span::default();
            }
            Boundary {
                place: next.unwrap_or(range.end),
                units: start + used as u32,
            }
        });
    points.collect()
}

/// For each unit of a row, the number of elements up to it.
fn numbers(row: &Row<'_>) -> Vec<u32> {
    let mut count = 0;
    let number = |unit: &align::Unit| {
        count += u32::from(!unit.is_text() && row.tree.node(unit.node).is_element());
        count
    };
    row.units.iter().map(number).collect()
}
