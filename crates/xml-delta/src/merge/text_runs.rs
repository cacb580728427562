//! Groups text into runs that are common or differ, and drops short common runs between changes.

use std::ops::Range;

use super::marks::Mask;
use super::plan::PlanBuilder;
use super::table::NONE;
use crate::chars::is_blank;
use crate::tokens;
use crate::tree::Span;

/// If less than this percentage of a text is common, the whole text counts as replaced.
const MIN_COMMON_PERCENT: usize = 15;

/// Longer runs without white space are not one word.
const MAX_WORD_BYTES: usize = 64;

/// Columns of text that are common to all rows, or not.
#[derive(Debug, Clone)]
pub(super) struct TextRun {
    pub(super) is_common: bool,
    pub(super) columns: Range<usize>,
    /// Length in bytes; of the longest row if they differ.
    len: usize,
    /// The rows that differ from the first.
    changed_rows: Mask,
}

impl PlanBuilder<'_> {
    /// Groups columns of text into runs.
    pub(super) fn text_runs(&self, columns: Range<usize>) -> Vec<TextRun> {
        let mut stretches: Vec<TextRun> = Vec::new();
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
                    last.changed_rows |= changers;
                }
                _ => stretches.push(TextRun {
                    is_common,
                    columns: column..column + 1,
                    len: 0,
                    changed_rows: changers,
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

    /// Whether adjacent changes by different versions stay separate.
    fn keeps_apart(&self) -> bool {
        self.rows.len() > 2
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

    /// Drops common runs that are shorter than the changes around them, and all of them if little is common: a fine
    /// mixture of two texts is unreadable.
    pub(super) fn merge_short_runs(&self, stretches: Vec<TextRun>) -> Vec<TextRun> {
        let mut folded: Vec<TextRun> = Vec::with_capacity(stretches.len());
        for stretch in stretches {
            folded.push(stretch);
            while let [.., before, common, after] = &mut folded[..] {
                let apart = self.keeps_apart() && before.changed_rows != after.changed_rows;
                // Changes of different versions to one word, such as a version number, belong together.
                let is_within_word = apart && common.is_common && self.is_within_word(common);
                if is_within_word {
                    before.changed_rows |= after.changed_rows;
                } else if apart
                    || !common.is_common
                    || common.len > before.len
                    || common.len > after.len
                {
                    break;
                }
                before.columns.end = after.columns.end;
                before.len += common.len + after.len;
                let len = folded.len();
                folded.truncate(len - 2);
            }
        }
        let changes = folded.iter().filter(|one| !one.is_common).count();
        if changes > 1 && !self.keeps_apart() && self.common_percent(&folded) < MIN_COMMON_PERCENT {
            let all = folded[0].columns.start..folded[folded.len() - 1].columns.end;
            return vec![TextRun {
                is_common: false,
                columns: all,
                len: 0,
                changed_rows: 0,
            }];
        }
        folded
    }

    /// Whether a common run does not separate words.
    fn is_within_word(&self, common: &TextRun) -> bool {
        common.len <= MAX_WORD_BYTES
            && common.columns.clone().all(|column| {
                let text = self
                    .text_at(0, column)
                    .map(|text| self.rows[0].tree.str(text));
                text.is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_graphic()))
            })
    }

    /// The percentage of text that is common, without white space.
    fn common_percent(&self, stretches: &[TextRun]) -> usize {
        let ink = |row: usize, columns: Range<usize>| -> usize {
            let inked = |column| {
                let text = self.rows[row].tree.str(self.text_at(row, column)?);
                (!is_blank(text)).then(|| tokens::non_space_len(text))
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
