//! Text in stretches: what all versions have, and what differs; little in common between two changes is none.

use std::ops::Range;

use super::alignment::NONE;
use super::level::Builder;
use super::marks::Mask;
use crate::chars::is_blank;
use crate::tree::Span;
use crate::words;

/// Of text that differs, at least this part, in hundredths, must be common, or all of it is taken for new.
const IN_COMMON: usize = 15;

/// Columns of text that all have, or not.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) is_common: bool,
    pub(super) columns: Range<usize>,
    /// Bytes: of the longest, where they differ.
    len: usize,
    /// The rows that differ from the first.
    changers: Mask,
}

impl Builder<'_> {
    /// Columns of text in stretches that all have, or not.
    pub(super) fn stretches(&self, columns: Range<usize>) -> Vec<Stretch> {
        let mut stretches: Vec<Stretch> = Vec::new();
        for column in columns {
            let cells = self.columns.get(column);
            let is_common = cells.iter().all(|&cell| cell != NONE);
            let has = |cell: &u32| *cell != NONE;
            let differs = |row: &usize| has(&cells[*row]) != has(&cells[0]);
            let changers = (0..cells.len())
                .filter(differs)
                .fold(0, |mask, row| mask | 1 << row);
            match stretches.last_mut() {
                Some(last) if last.is_common == is_common => {
                    last.columns.end = column + 1;
                    last.changers |= changers;
                }
                _ => stretches.push(Stretch {
                    is_common,
                    columns: column..column + 1,
                    len: 0,
                    changers,
                }),
            }
        }
        for stretch in &mut stretches {
            let rows = if stretch.is_common {
                0..1
            } else {
                0..self.rows.len()
            };
            stretch.len = rows
                .map(|row| self.len(row, stretch.columns.clone()))
                .max()
                .unwrap_or(0);
        }
        stretches
    }

    fn len(&self, row: usize, columns: Range<usize>) -> usize {
        let texts = columns.map(|column| {
            self.text_at(row, column)
                .map_or(0, |text| text.len as usize)
        });
        texts.sum()
    }

    fn text_at(&self, row: usize, column: usize) -> Option<Span> {
        let cell = self.columns.get(column)[row];
        (cell != NONE).then(|| self.rows[row].units[cell as usize].text)
    }

    /// Gives up what is common but shorter than the changes on both sides of it, and all of it if it is little:
    /// nobody reads a text that is half one's and half another's.
    pub(super) fn fold(&self, stretches: Vec<Stretch>) -> Vec<Stretch> {
        let mut folded: Vec<Stretch> = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            folded.push(stretch);
            while let [.., before, common, after] = &mut folded[..] {
                let apart = self.keep_apart && before.changers != after.changers;
                if apart || !common.is_common || common.len > before.len || common.len > after.len {
                    break;
                }
                before.columns.end = after.columns.end;
                before.len += common.len + after.len;
                let len = folded.len();
                folded.truncate(len - 2);
            }
        }
        let changes = folded.iter().filter(|one| !one.is_common).count();
        if changes > 1 && !self.keep_apart && self.share(&folded) < IN_COMMON {
            let all = folded[0].columns.start..folded[folded.len() - 1].columns.end;
            return vec![Stretch {
                is_common: false,
                columns: all,
                len: 0,
                changers: 0,
            }];
        }
        folded
    }

    /// How much of the text is common, in hundredths, white space left out.
    fn share(&self, stretches: &[Stretch]) -> usize {
        let ink = |row: usize, columns: Range<usize>| -> usize {
            let inked = |column| {
                let text = self.rows[row].tree.str(self.text_at(row, column)?);
                (!is_blank(text)).then(|| words::ink(text))
            };
            columns.filter_map(inked).sum()
        };
        let common = stretches.iter().filter(|one| one.is_common);
        let common: usize = common.map(|one| ink(0, one.columns.clone())).sum();
        let all = stretches[0].columns.start..stretches[stretches.len() - 1].columns.end;
        let most = (0..self.rows.len())
            .map(|row| ink(row, all.clone()))
            .max()
            .unwrap_or(0);
        common * 100 / most.max(1)
    }
}
