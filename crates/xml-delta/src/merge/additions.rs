//! Different additions of several versions at one place.

use std::ops::Range;

use hashbrown::HashSet;

use super::marks::Mask;
use super::plan::PlanBuilder;
use super::settings::Form;
use crate::options::Additions;

impl PlanBuilder<'_> {
    /// The ranges of columns between those that all rows have.
    pub(super) fn gaps(&self) -> Vec<Range<usize>> {
        let mut gaps = Vec::new();
        let mut start = 0;
        for column in 0..=self.columns.len() {
            if column == self.columns.len() || self.missing(column) == 0 {
                if column > start {
                    gaps.push(start..column);
                }
                start = column + 1;
            }
        }
        gaps
    }

    /// The rows that added different nodes in a gap.
    pub(super) fn competing_rows(&self, gap: Range<usize>) -> Mask {
        let everyone = self.everyone();
        let added = gap.filter(|&column| !self.unit(column).1.is_text());
        let adders = added.filter_map(|column| {
            let missing = self.missing(column);
            (missing & 1 != 0).then_some(everyone & !missing)
        });
        let adders: HashSet<Mask> = adders.collect();
        let rows = adders.iter().fold(0, |rows, one| rows | one);
        if adders.len() > 1 { rows } else { 0 }
    }

    /// Drops additions that lose against others at the same place.
    pub(super) fn drop_additions(&mut self) {
        let takes_first = match self.additions {
            Additions::Ours => true,
            Additions::Theirs => false,
            Additions::Both | Additions::Conflict => return,
        };
        if self.form != Form::Merged {
            return;
        }
        let mut dropped = HashSet::new();
        for gap in self.gaps() {
            let rows = self.competing_rows(gap.clone());
            if rows == 0 || self.is_replaced_differently(gap.clone()) {
                continue;
            }
            let taken: Mask = if takes_first {
                rows & rows.wrapping_neg()
            } else {
                1 << (Mask::BITS - 1 - rows.leading_zeros())
            };
            dropped.extend(gap.filter(|&column| {
                let missing = self.missing(column);
                missing & 1 != 0 && missing & taken != 0
            }));
        }
        if !dropped.is_empty() {
            self.columns.to_mut().remove(&dropped);
        }
    }
}
