//! The content of an element that differs, laid out for writing: at once, or a window at a time if it is long.

use super::alignment::{AlignmentTable, Layout, NONE};
use super::frame::Contents;
use super::level::{Builder, Group, Level, Order};
use super::marks::Mask;
use super::merger::Merger;
use super::trim;
use super::windows::{Point, Window, Windows};
use crate::align::{self, Content, Matching, Row};
use crate::options::{Mode, Whitespace};
use crate::tree::Span;

impl Merger<'_> {
    /// What there is to lay out of the content of some versions of an element.
    pub(super) fn contents(&self, groups: &[Group]) -> Contents {
        let trees = self.trees;
        let is_orderless = groups
            .iter()
            .any(|group| trees[group.tree].orderless.contains(&group.node));
        let nodes = || {
            groups
                .iter()
                .map(|group| trees[group.tree].node(group.node))
        };
        let content = Content {
            is_mixed: nodes().any(|node| node.is_mixed()),
            is_preserved: nodes().any(|node| node.is_preserved()),
        };
        let may_trim = !is_orderless && self.settings.whitespace == Whitespace::Exact;
        let mut ends = if may_trim {
            trim::head(trees, groups)
        } else {
            trim::nothing(trees, groups)
        };
        let of_tree = |group: &Group| &trees[group.tree];
        let middles = || groups.iter().map(of_tree).zip(ends.middles.iter().cloned());
        let windows = if is_orderless {
            None
        } else {
            Windows::of_long(
                self.settings.window,
                &self.matching(&|| true),
                content,
                middles(),
            )
        };
        let windows = windows.unwrap_or_else(|| {
            if may_trim {
                trim::tail(trees, groups, &mut ends);
            }
            Windows::single(&ends.middles)
        });
        Contents {
            content,
            is_orderless,
            head: ends.head,
            tail: ends.tail,
            windows,
        }
    }

    /// Lays out what comes next of an element's content.
    pub(super) fn lay_out(&self, groups: &[Group], contents: &mut Contents) -> Option<Level> {
        let window = contents.windows.next()?;
        let progress = self.progress();
        let keep_going = || self.sink.progress(progress).is_continue();
        let matching = self.matching(&keep_going);
        let layout = Layout {
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
        let mut columns = if contents.is_orderless {
            layout.unordered(&rows)
        } else {
            layout.ordered(&rows)
        };
        if let Some(targets) = &window.forced {
            let points = give_up_end(&mut rows, &mut columns, &window, targets);
            contents.windows.go_back(points);
        }
        let mut level = Level::default();
        if window.is_first {
            level.run(groups[0].tree, contents.head.clone());
        }
        let mut level = self.build(groups, contents.is_orderless, &rows, &columns, level);
        if window.is_last {
            level.run(groups[0].tree, contents.tail.clone());
        }
        Some(level)
    }

    fn build(
        &self,
        groups: &[Group],
        is_orderless: bool,
        rows: &[Row<'_>],
        columns: &AlignmentTable,
        level: Level,
    ) -> Level {
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
            trees: self.trees,
            owners: &owners,
            numbers: if is_orderless {
                rows.iter().map(numbers).collect()
            } else {
                Vec::new()
            },
            rows,
            columns,
            whitespace: self.settings.whitespace,
            order,
            is_held: false,
            keep_apart: rows.len() > 2,
            level,
        };
        builder.build()
    }

    fn matching<'m>(&'m self, keep_going: &'m dyn Fn() -> bool) -> Matching<'m> {
        Matching {
            hashing: self.hashing,
            keep_going,
            names: &self.out.names,
            whitespace: self.settings.whitespace,
            words: self.settings.words,
            ids: self.ids,
        }
    }
}

/// Decides how much of a window is used that does not end where all versions have the same, `targets` units from the
/// beginning. Says where to go on.
fn give_up_end(
    rows: &mut [Row<'_>],
    columns: &mut AlignmentTable,
    window: &Window,
    targets: &[u32],
) -> Vec<Point> {
    let is_whole = |column: &usize| !columns.get(*column).contains(&NONE);
    let matched = (0..columns.len()).rev().find(is_whole);
    let matched = matched.map_or(0, |last| last + 1);
    let few = columns.len() / 4;
    if matched >= columns.len() - few {
        // What comes after the last match may be found in the next window.
        columns.truncate(matched);
    } else {
        // Longer ways to the next match are made as long as the shortest: something was inserted.
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
            let next = row.units.get(used).map(|unit| row.place(unit));
            if next.is_some() {
                row.tail = Span::default();
            }
            Point {
                place: next.unwrap_or(range.end),
                units: start + used as u32,
            }
        });
    points.collect()
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
