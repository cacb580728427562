//! The contents of several versions of one element as a table: units in one column correspond to each other.

use std::ops::Range;

use hashbrown::HashSet;

/// The version has no unit in the column.
pub(crate) const NONE: u32 = u32::MAX;

/// Columns in output order; each has a unit or [`NONE`] for every row.
#[derive(Debug, Clone)]
pub(crate) struct AlignmentTable {
    pub(super) rows: usize,
    pub(super) cells: Vec<u32>,
}

impl AlignmentTable {
    /// The units of the first row, without units of the others.
    pub(super) fn of_first(units: Range<u32>, rows: usize) -> Self {
        let mut cells = Vec::with_capacity(units.len() * rows);
        for unit in units {
            cells.push(unit);
            cells.resize(cells.len() + rows - 1, NONE);
        }
        Self { rows, cells }
    }

    pub(crate) fn len(&self) -> usize {
        self.cells.len() / self.rows
    }

    pub(crate) fn get(&self, column: usize) -> &[u32] {
        &self.cells[column * self.rows..][..self.rows]
    }

    /// Counts the units of a row before a column.
    pub(crate) fn count_before(&self, column: usize, row: usize) -> usize {
        let before = &self.cells[..column * self.rows];
        let cells = before.iter().skip(row).step_by(self.rows);
        cells.filter(|&&cell| cell != NONE).count()
    }

    /// Removes columns.
    pub(crate) fn remove(&mut self, columns: &HashSet<usize>) {
        let mut kept = 0;
        for column in (0..self.len()).filter(|column| !columns.contains(column)) {
            let cells = column * self.rows..(column + 1) * self.rows;
            self.cells.copy_within(cells, kept * self.rows);
            kept += 1;
        }
        self.truncate(kept);
    }

    /// Keeps the first columns.
    pub(crate) fn truncate(&mut self, columns: usize) {
        self.cells.truncate(columns * self.rows);
    }

    /// Of the columns from `first` on, keeps at most the given number of units of each row.
    pub(crate) fn retain_after(&mut self, first: usize, units: &mut [u32]) {
        let mut kept = first;
        for column in first..self.len() {
            let cells = column * self.rows..(column + 1) * self.rows;
            let has = |row: &usize| self.cells[cells.start + row] != NONE;
            if (0..self.rows).filter(has).all(|row| units[row] > 0) {
                (0..self.rows).filter(has).for_each(|row| units[row] -= 1);
                self.cells.copy_within(cells, kept * self.rows);
                kept += 1;
            } else {
                // Later units of the same row cannot be kept either.
                (0..self.rows).filter(has).for_each(|row| units[row] = 0);
            }
        }
        self.truncate(kept);
    }

    /// Whether the units of a row are in a different order than in the table.
    pub(crate) fn are_shuffled(&self) -> bool {
        let in_row = |row: usize| {
            let cells = self.cells.iter().skip(row).step_by(self.rows);
            cells.filter(|&&cell| cell != NONE)
        };
        (0..self.rows).any(|row| !in_row(row).is_sorted())
    }

    pub(super) fn set(&mut self, column: usize, row: usize, unit: u32) {
        self.cells[column * self.rows + row] = unit;
    }

    pub(super) fn push(&mut self, row: usize, unit: u32) {
        let start = self.cells.len();
        self.cells.resize(start + self.rows, NONE);
        self.cells[start + row] = unit;
    }
}
