//! Finds conflicts between nodes of one element's content that no single place shows: different replacements of the same
//! content, and moves against deletions or other moves.

use std::ops::Range;

use hashbrown::HashMap;

use super::marks::Mask;
use super::plan::{ColumnConflicts, PlanBuilder};
use super::table::NONE;
use crate::chars::is_blank;
use crate::hashes::mix;
use crate::options::Additions;

/// Smaller elements occur twice by chance, so an equal deletion and addition are not a move.
const MIN_MOVED_BYTES: usize = 16;

impl PlanBuilder<'_> {
    /// Finds the conflicts. The first row must be that of the ancestor.
    pub(super) fn conflicts(&self) -> ColumnConflicts {
        let mut conflicts = ColumnConflicts::new();
        if self.rows.len() < 3 {
            return conflicts;
        }
        for gap in self.gaps() {
            let is_competing =
                self.additions == Additions::Conflict && self.competing_rows(gap.clone()) != 0;
            if is_competing || self.is_replaced_differently(gap.clone()) {
                add(&mut conflicts, gap);
            }
        }
        self.add_moves(&mut conflicts);
        conflicts
    }

    /// The rows that have nothing in a column.
    pub(super) fn missing(&self, column: usize) -> Mask {
        let cells = self.columns.get(column).iter().enumerate();
        let missing = cells.filter(|(_, cell)| **cell == NONE);
        missing.fold(0, |mask, (row, _)| mask | 1 << row)
    }

    /// All rows.
    pub(super) fn everyone(&self) -> Mask {
        Mask::MAX >> (Mask::BITS as usize - self.rows.len())
    }

    fn is_blank_text(&self, column: usize) -> bool {
        let (row, unit) = self.unit(column);
        unit.is_text() && is_blank(self.rows[row].tree.str(unit.text))
    }

    /// Whether, between common columns, several rows replaced the same content of the ancestor differently. In text alone
    /// the alternatives show that.
    pub(super) fn is_replaced_differently(&self, gap: Range<usize>) -> bool {
        let everyone = self.everyone();
        let is_text = |column: usize| self.unit(column).1.is_text();
        if gap.len() < 3 || gap.clone().all(is_text) {
            return false;
        }
        let mut additions = vec![0_u64; self.rows.len()];
        let mut adders: Mask = 0;
        for column in gap.clone().filter(|&column| !self.is_blank_text(column)) {
            let missing = self.missing(column);
            if missing & 1 != 0 {
                adders |= everyone & !missing;
                for row in bits(everyone & !missing) {
                    additions[row] = mix(additions[row], column as u64);
                }
            }
        }
        gap.filter(|&column| !self.is_blank_text(column))
            .any(|column| {
                let missing = self.missing(column);
                let mut replaced = bits(missing & adders).map(|row| additions[row]);
                let first = replaced.next();
                missing & 1 == 0 && replaced.any(|one| Some(one) != first)
            })
    }

    /// Adds nodes that a row moved while another row deleted them or moved them elsewhere.
    fn add_moves(&self, conflicts: &mut ColumnConflicts) {
        let mut deleted: HashMap<u64, usize> = HashMap::new();
        for column in 0..self.columns.len() {
            let missing = self.missing(column);
            let (row, unit) = self.unit(column);
            let is_deleted = missing & 1 == 0 && missing.count_ones() > 1 && !unit.is_text();
            if is_deleted && self.rows[row].tree.size(unit.node) >= MIN_MOVED_BYTES {
                deleted.insert(unit.key, column);
            }
        }
        if deleted.is_empty() {
            return;
        }
        let mut moves: HashMap<usize, Vec<usize>> = HashMap::new();
        for column in 0..self.columns.len() {
            let missing = self.missing(column);
            let Some(&origin) = deleted.get(&self.unit(column).1.key) else {
                continue;
            };
            // Rows that lack it here are those that deleted it there, or put it somewhere else.
            let deleters = self.missing(origin);
            if missing & 1 != 0 && deleters & !missing != 0 && deleters & missing != 0 {
                moves.entry(origin).or_default().push(column);
            }
        }
        let mut moves: Vec<_> = moves.into_iter().collect();
        moves.sort_unstable();
        for (origin, targets) in moves {
            add(conflicts, std::iter::once(origin).chain(targets));
        }
    }
}

/// Adds a conflict in some columns; it begins in the first one.
fn add(conflicts: &mut ColumnConflicts, columns: impl IntoIterator<Item = usize>) {
    let mut columns: Vec<usize> = columns.into_iter().collect();
    columns.sort_unstable();
    for (number, column) in columns.into_iter().enumerate() {
        *conflicts.entry(column).or_default() += u32::from(number == 0);
    }
}

/// The rows in a set.
fn bits(mask: Mask) -> impl Iterator<Item = usize> {
    let mut rest = mask;
    std::iter::from_fn(move || {
        let row = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
        rest &= rest - 1;
        Some(row)
    })
}
