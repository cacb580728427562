//! Aligns the contents of several versions of one element and builds their table.

use std::ops::Range;

use hashbrown::HashMap;

use super::nearby::anchor_nearby_additions;
use super::table::{AlignmentTable, NONE};
use crate::align::{self, Matcher, Row, Unit};
use crate::chars;

/// Builds the table from rows.
pub(crate) struct Aligner<'l> {
    pub(crate) matching: &'l Matcher<'l>,
    /// Each version is matched with the previous one instead of the first.
    pub(crate) is_sequential: bool,
}

impl Aligner<'_> {
    /// Aligns ordered content.
    pub(crate) fn ordered(&self, rows: &[Row<'_>]) -> AlignmentTable {
        let mut columns = AlignmentTable::of_first(0..rows[0].units.len() as u32, rows.len());
        for row in 1..rows.len() {
            let partner = if self.is_sequential { row - 1 } else { 0 };
            let pairs = self.matching.align(&rows[partner], &rows[row]);
            let mut anchors = anchors(&columns, partner, &pairs);
            for other in (0..row).filter(|&other| other != partner) {
                self.anchor_additions(rows, &columns, (partner, other, row), &mut anchors);
            }
            anchor_nearby_additions(rows, &columns, (partner, row), &mut anchors);
            columns = MergedRow {
                rows,
                columns: &columns,
                partner,
                row,
            }
            .merge_row(&anchors);
        }
        columns
    }

    /// Matches additions of a row with additions of another row at the same place.
    fn anchor_additions(
        &self,
        rows: &[Row<'_>],
        columns: &AlignmentTable,
        (partner, other, row): (usize, usize, usize),
        anchors: &mut Vec<(u32, u32)>,
    ) {
        let mut found = Vec::new();
        let mut from = (0, 0);
        let ends = (columns.len() as u32, rows[row].units.len() as u32);
        for &(column, unit) in anchors.iter().chain([&ends]) {
            let is_addition = |c: &u32| {
                let cells = columns.get(*c as usize);
                cells[other] != NONE && cells[partner] == NONE
            };
            let there: Vec<u32> = if unit > from.1 {
                (from.0..column).filter(is_addition).collect()
            } else {
                Vec::new()
            };
            if !there.is_empty() {
                let units = there.iter().map(|&c| columns.get(c as usize)[other]);
                let x = rows[other].subrow(units);
                let y = rows[row].subrow(from.1..unit);
                let pairs = addition_pairs(self.matching, &x, &y, self.matching.align(&x, &y));
                found.extend(
                    pairs
                        .into_iter()
                        .map(|(i, j)| (there[i as usize], from.1 + j)),
                );
            }
            from = (column + 1, unit + 1);
        }
        anchors.extend(found);
        anchors.sort_unstable();
    }

    /// Aligns unordered content: elements keep the order of the first row, and the content between them keeps its
    /// order.
    pub(crate) fn unordered(&self, rows: &[Row<'_>]) -> AlignmentTable {
        let elements: Vec<Vec<u32>> = rows.iter().map(elements_of).collect();
        let mut slots = AlignmentTable::of_first(0..elements[0].len() as u32, rows.len());
        for row in 1..rows.len() {
            self.match_orderless(rows, &elements, row, &mut slots);
        }
        let mut columns = AlignmentTable {
            rows: rows.len(),
            cells: Vec::new(),
        };
        let mut next = vec![0; rows.len()];
        for slot in 0..=slots.len() {
            // The content before the next element of each row that has an element here; at the end, the rest.
            let here = |row: usize| slot == slots.len() || slots.get(slot)[row] != NONE;
            let ranges: Vec<_> = (0..rows.len())
                .map(|row| {
                    if here(row) {
                        between(&rows[row], &elements[row], next[row])
                    } else {
                        0..0
                    }
                })
                .collect();
            let parts: Vec<Row<'_>> = rows
                .iter()
                .zip(&ranges)
                .map(|(row, range)| row.subrow(range.clone()))
                .collect();
            let gap = self.ordered(&parts);
            for column in 0..gap.len() {
                let cells = gap.get(column).iter().zip(&ranges);
                let whole = cells.map(|(&cell, range)| {
                    if cell == NONE {
                        NONE
                    } else {
                        cell + range.start
                    }
                });
                columns.cells.extend(whole);
            }
            if slot < slots.len() {
                for row in 0..rows.len() {
                    let cell = slots.get(slot)[row];
                    columns.cells.push(if cell == NONE {
                        NONE
                    } else {
                        elements[row][cell as usize]
                    });
                    next[row] += usize::from(cell != NONE);
                }
            }
        }
        columns
    }

    /// Assigns each element of a row to a slot: equal content, equal identity, or similar.
    fn match_orderless(
        &self,
        rows: &[Row<'_>],
        elements: &[Vec<u32>],
        row: usize,
        slots: &mut AlignmentTable,
    ) {
        let mut free: HashMap<u64, Vec<u32>> = HashMap::new();
        let representative = |slots: &AlignmentTable, slot: u32| {
            let cells = slots.get(slot as usize);
            let other = (0..row)
                .find(|&other| cells[other] != NONE)
                .expect("no slot is empty");
            (other, elements[other][cells[other] as usize])
        };
        for slot in (0..slots.len() as u32).rev() {
            let (other, unit) = representative(slots, slot);
            let key = rows[other].units[unit as usize].key;
            free.entry(key).or_default().push(slot);
        }
        let mut left = Vec::new();
        for (number, &unit) in elements[row].iter().enumerate() {
            let key = rows[row].units[unit as usize].key;
            match free.get_mut(&key).and_then(Vec::pop) {
                Some(slot) => slots.set(slot as usize, row, number as u32),
                None => left.push(number as u32),
            }
        }
        let mut open: Vec<u32> = free.into_values().flatten().collect();
        open.sort_unstable();
        let of_slot = |&slot: &u32| {
            let (other, unit) = representative(slots, slot);
            (rows[other].tree, rows[other].units[unit as usize])
        };
        let xs: Vec<_> = open.iter().map(of_slot).collect();
        let of_element = |&number: &u32| {
            (
                rows[row].tree,
                rows[row].units[elements[row][number as usize] as usize],
            )
        };
        let ys: Vec<_> = left.iter().map(of_element).collect();
        let found = align::match_unordered(self.matching, &xs, &ys);
        for &(x, y) in &found {
            slots.set(open[x as usize] as usize, row, left[y as usize]);
        }
        let matched: hashbrown::HashSet<u32> = found.iter().map(|&(_, y)| y).collect();
        for (y, &number) in left.iter().enumerate() {
            if !matched.contains(&(y as u32)) {
                slots.push(row, number);
            }
        }
    }
}

/// The positions of the elements among a row's units.
fn elements_of(row: &Row<'_>) -> Vec<u32> {
    let is_element = |unit: &Unit| !unit.is_text() && row.tree.node(unit.node).is_element();
    let units = row.units.iter().enumerate();
    units
        .filter(|(_, unit)| is_element(unit))
        .map(|(at, _)| at as u32)
        .collect()
}

/// The units between the n-th element and the one before it.
fn between(row: &Row<'_>, elements: &[u32], n: usize) -> Range<u32> {
    let start = n.checked_sub(1).map_or(0, |before| elements[before] + 1);
    let end = elements.get(n).copied().unwrap_or(row.units.len() as u32);
    start..end
}

/// Returns the columns and units that were matched with a partner's units.
fn anchors(columns: &AlignmentTable, partner: usize, pairs: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut anchors = Vec::with_capacity(pairs.len());
    let mut pairs = pairs.iter().peekable();
    for column in 0..columns.len() {
        let cell = columns.get(column)[partner];
        if let Some((_, unit)) = pairs.next_if(|(x, _)| *x == cell) {
            anchors.push((column as u32, *unit));
        }
    }
    anchors
}

/// Selects the pairs of two rows of additions that are the same addition: elements with equal content or identity, and
/// the text right after them. Text alone counts only if both rows are equal.
fn addition_pairs(
    matcher: &Matcher<'_>,
    x: &Row<'_>,
    y: &Row<'_>,
    pairs: Vec<(u32, u32)>,
) -> Vec<(u32, u32)> {
    let units = |i: u32, j: u32| (&x.units[i as usize], &y.units[j as usize]);
    let is_equal = |&(i, j): &(u32, u32)| units(i, j).0.key == units(i, j).1.key;
    let is_whole = pairs.len() == x.units.len() && pairs.len() == y.units.len();
    if is_whole && pairs.iter().all(is_equal) {
        return pairs;
    }
    let mut kept: Vec<(u32, u32)> = Vec::new();
    for (i, j) in pairs {
        let (one, other) = units(i, j);
        let follows = kept.last().is_some_and(|&(a, b)| a + 1 == i && b + 1 == j);
        let is_same = if one.is_text() {
            follows
        } else {
            one.key == other.key
                || matcher.is_same_addition((x.tree, one.node), (y.tree, other.node))
        };
        if is_same {
            kept.push((i, j));
        }
    }
    kept
}

/// A row to be merged into the columns of the rows before it.
struct MergedRow<'w, 't> {
    rows: &'w [Row<'t>],
    columns: &'w AlignmentTable,
    /// The row that it was matched with.
    partner: usize,
    row: usize,
}

impl MergedRow<'_, '_> {
    /// Merges the row's units: matched units into their columns, others after the existing columns of the gap.
    fn merge_row(&self, anchors: &[(u32, u32)]) -> AlignmentTable {
        let units = self.rows[self.row].units.len();
        let width = self.columns.rows;
        let capacity = self.columns.cells.len() + (units - anchors.len()) * width;
        let mut merged = AlignmentTable {
            rows: width,
            cells: Vec::with_capacity(capacity),
        };
        let mut from = (0, 0);
        let ends = (self.columns.len() as u32, units as u32);
        for &(column, unit) in anchors.iter().chain([&ends]) {
            let place = self.insertion_column(from.0..column, from.1..unit) as usize;
            let cells = |columns: Range<usize>| columns.start * width..columns.end * width;
            let before = cells(from.0 as usize..place);
            merged.cells.extend_from_slice(&self.columns.cells[before]);
            (from.1..unit).for_each(|unit| merged.push(self.row, unit));
            let after = cells(place..column as usize);
            merged.cells.extend_from_slice(&self.columns.cells[after]);
            if (column as usize) < self.columns.len() {
                merged
                    .cells
                    .extend_from_slice(self.columns.get(column as usize));
                let last = merged.len() - 1;
                merged.set(last, self.row, unit);
            }
            from = (column + 1, unit + 1);
        }
        merged
    }

    /// The column of a gap before which the row's units go: the end, or before the additions of other rows if these
    /// start with their own white space and the row's units do not.
    fn insertion_column(&self, gap: Range<u32>, units: Range<u32>) -> u32 {
        let is_blank = |row: usize, unit: u32| {
            let unit = &self.rows[row].units[unit as usize];
            unit.is_text() && chars::is_blank(self.rows[row].tree.str(unit.text))
        };
        if units.is_empty() || is_blank(self.row, units.start) || is_blank(self.row, units.end - 1)
        {
            return gap.end;
        }
        let is_addition = |column: &u32| self.columns.get(*column as usize)[self.partner] == NONE;
        let Some(first) = gap.clone().rev().take_while(is_addition).last() else {
            return gap.end;
        };
        let cells = self.columns.get(first as usize);
        let leads = (0..self.row).any(|row| cells[row] != NONE && is_blank(row, cells[row]));
        if leads { first } else { gap.end }
    }
}
