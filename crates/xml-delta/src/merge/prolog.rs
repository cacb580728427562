//! Comments, processing instructions and the document type declaration outside the root element.

use hashbrown::HashMap;

use super::marks::{self, Mask, Outcome};
use super::merger::Merger;
use super::settings::Form;
use crate::delta::MarkedMisc;
use crate::prolog::Misc;
use crate::tree::Tree;

/// An item that some versions have.
struct Item<'t> {
    misc: &'t Misc,
    mask: Mask,
}

impl<'t> Merger<'t> {
    /// Writes the part before or after the root element, and counts the differences in it.
    pub(super) fn misc(&mut self, of: impl Fn(&'t Tree) -> &'t [Misc]) {
        let all = self.mark_names.versions.all();
        let items = items(self.trees, of);
        self.count_misc(&items, all);
        let is_doctype = |item: &&Item<'_>| matches!(item.misc, Misc::Doctype(_));
        let doctypes = items.iter().filter(is_doctype);
        let mut doctypes: Vec<Mask> = doctypes.map(|item| item.mask).collect();
        doctypes.sort_unstable_by_key(|mask| mask.trailing_zeros());
        let doctype = match marks::decide(self.settings.mode, all, &doctypes) {
            Outcome::Take(at) => doctypes.get(at).copied(),
            Outcome::Omit => None,
            Outcome::Conflict { .. } => {
                self.count_conflicts(1);
                doctypes.first().copied()
            }
        };
        // References to entities that were not read need a declaration in the delta, too.
        let needed = self.trees.iter().position(|tree| tree.has_references);
        let needed = needed.map_or(0, |tree| 1 << tree);
        for item in items {
            let is_doctype = matches!(item.misc, Misc::Doctype(_));
            let is_plain = match self.settings.form {
                Form::Merged if is_doctype => doctype == Some(item.mask),
                Form::Merged => {
                    let outcome = marks::decide(self.settings.mode, all, &[item.mask]);
                    matches!(outcome, Outcome::Take(_))
                }
                Form::Full | Form::ChangesOnly => {
                    item.mask == all && !MarkedMisc::is_marked(item.misc)
                }
            };
            if is_plain || (is_doctype && item.mask & needed != 0) {
                self.out.misc(item.misc);
                self.out.raw("\n");
            }
            if !is_plain && self.settings.form != Form::Merged {
                let mut versions = String::new();
                self.mark_names.versions.push(&mut versions, [item.mask]);
                self.out.misc(&MarkedMisc::mark(item.misc, &versions));
                self.out.raw("\n");
            }
        }
    }

    /// Counts items that differ: a document type as one change, and others as many as one version has.
    fn count_misc(&mut self, items: &[Item<'_>], all: Mask) {
        let differing = || items.iter().filter(|item| item.mask != all);
        let is_doctype = |item: &&Item<'_>| matches!(item.misc, Misc::Doctype(_));
        let of_version = |version: usize| {
            let own = differing().filter(|item| item.mask & (1 << version) != 0);
            own.filter(|item| !is_doctype(item)).count()
        };
        let others = (0..self.trees.len()).map(of_version).max().unwrap_or(0);
        self.counts.changes += others as u64 + u64::from(differing().any(|one| is_doctype(&one)));
    }
}

/// The items of all versions: those of the first in order, and each addition after the item before it.
fn items<'t>(trees: &'t [Tree], of: impl Fn(&'t Tree) -> &'t [Misc]) -> Vec<Item<'t>> {
    let mut items: Vec<Item<'t>> = Vec::new();
    // The additions after each item; the first list is that of the start.
    let mut after: Vec<Vec<usize>> = vec![Vec::new()];
    let mut known: HashMap<(&Misc, u32), usize> = HashMap::new();
    for (version, tree) in trees.iter().enumerate() {
        let mut counts: HashMap<&Misc, u32> = HashMap::new();
        let mut previous = 0;
        for misc in of(tree) {
            let count = counts.entry(misc).or_default();
            *count += 1;
            let next = items.len();
            let number = *known.entry((misc, *count)).or_insert(next);
            if number == next {
                items.push(Item { misc, mask: 0 });
                after.push(Vec::new());
                // What followed the previous item stays last.
                let at = after[previous].len().saturating_sub(1);
                after[previous].insert(at, number);
            }
            items[number].mask |= 1 << version;
            previous = number + 1;
        }
    }
    let mut order = Vec::with_capacity(items.len());
    let mut stack: Vec<usize> = after[0].iter().rev().copied().collect();
    while let Some(number) = stack.pop() {
        order.push(number);
        stack.extend(after[number + 1].iter().rev());
    }
    let mut items: Vec<Option<Item<'t>>> = items.into_iter().map(Some).collect();
    order
        .iter()
        .filter_map(|&number| items[number].take())
        .collect()
}
