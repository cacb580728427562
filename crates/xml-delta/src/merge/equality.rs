//! Differences that do not count: numbers that are close to each other, and ignored elements.

use std::ops::Range;

use super::marks::Mask;
use super::merger::Merger;
use super::plan::{Group, PlanBuilder};
use super::table::NONE;
use crate::align::{Row, Unit};

/// A text or an attribute that counts as equal to another: its tree, its number, and the hash that replaces its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Equal {
    pub(crate) tree: usize,
    pub(crate) number: u32,
    pub(crate) is_attribute: bool,
    pub(crate) hash: u64,
}

/// Relative allowance for the rounding of decimal fractions.
const ROUNDING: f64 = 1e-9;

/// Whether all texts are numbers that differ by at most `tolerance`.
pub(super) fn are_close<'t>(texts: impl Iterator<Item = &'t str>, tolerance: f64) -> bool {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for text in texts {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let is_numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        let Some(number) = text.parse::<f64>().ok().filter(|_| is_numeric) else {
            return false;
        };
        least = least.min(number);
        most = most.max(number);
    }
    most - least <= tolerance * (1.0 + ROUNDING)
}

impl PlanBuilder<'_> {
    /// Adds the last version's text if all versions have numbers there that are close to each other.
    pub(super) fn close_numbers(&mut self, columns: Range<usize>) -> bool {
        if self.tolerance <= 0.0 {
            return false;
        }
        let units: Vec<Vec<Unit>> = (0..self.rows.len())
            .map(|row| self.units(row, columns.clone()))
            .collect();
        let text = |(row, units): (&Row<'_>, &Vec<Unit>)| -> String {
            units.iter().map(|unit| row.tree.str(unit.text)).collect()
        };
        let texts: Vec<String> = self.rows.iter().zip(&units).map(text).collect();
        if !are_close(texts.iter().map(String::as_str), self.tolerance) {
            return false;
        }
        let last = self.last_row();
        let hash = self.hashing.text(&texts[last]);
        for (row, units) in units.iter().enumerate() {
            let tree = self.owners[row].1;
            // The text of one node counts as equal only as a whole.
            let number = units[0].node;
            if self.trees[tree].text(number) == texts[row] {
                self.level.equal.push(Equal {
                    tree,
                    number,
                    is_attribute: false,
                    hash,
                });
            }
        }
        for unit in &units[last] {
            self.common_text(self.owners[last].1, unit);
        }
        true
    }

    /// The units of a row in some columns.
    fn units(&self, row: usize, columns: Range<usize>) -> Vec<Unit> {
        let cells = columns.map(|column| self.columns.get(column)[row]);
        let present = cells.filter(|&cell| cell != NONE);
        present
            .map(|cell| self.rows[row].units[cell as usize])
            .collect()
    }
}

impl Merger<'_> {
    /// Writes an ignored element that some versions lack: only if the last version has it.
    pub(super) fn ignored_element(&mut self, group: Group, (all, is_marked): (Mask, bool)) {
        if group.mask & last_of(all) == 0 {
            return;
        }
        if is_marked {
            self.marked_copy(group, all);
        } else {
            self.out.copy(&self.trees[group.tree], group.node, "");
        }
    }
}

/// The last version of a set.
pub(super) fn last_of(all: Mask) -> Mask {
    1 << (Mask::BITS - 1 - all.leading_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_within_the_tolerance_are_close() {
        let check = |texts: &[&str], tolerance, expected| {
            assert_eq!(
                are_close(texts.iter().copied(), tolerance),
                expected,
                "{texts:?}"
            );
        };
        check(&["1.0", " 1.1\n"], 0.1, true);
        check(&["1.0", "1.11"], 0.1, false);
        check(&["1.0", "1.1", "1.2"], 0.1, false);
        check(&["-1", "1e0"], 2.0, true);
        check(&["1", "one"], 10.0, false);
        check(&["1", ""], 10.0, false);
        check(&["inf", "inf"], 10.0, false);
        check(&["1 2", "1 2"], 10.0, false);
        check(&["1e999", "1e999"], 10.0, false);
    }
}
