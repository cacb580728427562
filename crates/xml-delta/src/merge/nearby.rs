//! Matches equal additions of several versions that are not at the same place, but close to each other.

use hashbrown::HashMap;

use super::table::{AlignmentTable, NONE};
use crate::align::{Row, Unit};
use crate::chars::is_blank;
use crate::tree::Kind;

/// Number of matches that may be given up for an addition.
const MAX_CROSSED: usize = 4;
/// Number of additions of a version that are matched in this way.
const MAX_ADDITIONS: usize = 64;

/// Where a key occurs among additions.
struct Occurrence {
    position: u32,
    count: u32,
}

/// Matches additions of a row with equal additions of the rows before it across white space and comments. The matches of
/// these are given up, so that both versions add one node.
pub(super) fn anchor_nearby_additions(
    rows: &[Row<'_>],
    columns: &AlignmentTable,
    (partner, row): (usize, usize),
    anchors: &mut Vec<(u32, u32)>,
) {
    let mut is_anchored = (
        vec![false; columns.len()],
        vec![false; rows[row].units.len()],
    );
    for &(column, unit) in anchors.iter() {
        is_anchored.0[column as usize] = true;
        is_anchored.1[unit as usize] = true;
    }
    let mut earlier: HashMap<u64, Occurrence> = HashMap::new();
    for column in (0..columns.len()).filter(|&column| !is_anchored.0[column]) {
        let cells = columns.get(column);
        let other = (0..row).find(|&other| cells[other] != NONE);
        if let Some(other) = other.filter(|_| cells[partner] == NONE) {
            let unit = &rows[other].units[cells[other] as usize];
            add(&mut earlier, &rows[other], unit, column as u32);
        }
    }
    if earlier.is_empty() {
        return;
    }
    let mut own: HashMap<u64, Occurrence> = HashMap::new();
    for (at, unit) in rows[row].units.iter().enumerate() {
        if !is_anchored.1[at] {
            add(&mut own, &rows[row], unit, at as u32);
        }
    }
    let pairs = earlier.iter().filter_map(|(key, one)| {
        let other = own.get(key)?;
        (one.count == 1 && other.count == 1).then_some((one.position, other.position))
    });
    let mut pairs: Vec<(u32, u32)> = pairs.collect();
    pairs.sort_unstable();
    for (column, unit) in pairs.into_iter().take(MAX_ADDITIONS) {
        let by_column = anchors.partition_point(|anchor| anchor.0 < column);
        let by_unit = anchors.partition_point(|anchor| anchor.1 < unit);
        let crossed = by_column.min(by_unit)..by_column.max(by_unit);
        let is_separator = |&(_, unit): &(u32, u32)| is_separator(&rows[row], unit);
        if crossed.len() <= MAX_CROSSED && anchors[crossed.clone()].iter().all(is_separator) {
            anchors.splice(crossed, [(column, unit)]);
        }
    }
}

/// Adds an element to the occurrences of its key.
fn add(occurrences: &mut HashMap<u64, Occurrence>, row: &Row<'_>, unit: &Unit, position: u32) {
    if !unit.is_text() && row.tree.node(unit.node).is_element() {
        let occurrence = occurrences
            .entry(unit.key)
            .or_insert(Occurrence { position, count: 0 });
        occurrence.count += 1;
    }
}

/// Whether a unit is white space or a comment.
fn is_separator(row: &Row<'_>, unit: u32) -> bool {
    let unit = &row.units[unit as usize];
    if unit.is_text() {
        is_blank(row.tree.str(unit.text))
    } else {
        row.tree.node(unit.node).kind() == Kind::Comment
    }
}
