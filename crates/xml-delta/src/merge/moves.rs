//! Finds moved nodes.

use hashbrown::HashMap;

use super::frame::{Moved, Unmatched};
use super::merger::Merger;
use super::plan::Group;

impl Merger<'_> {
    /// Appends the attribute that links the halves of a move.
    pub(super) fn push_move_mark(&self, out: &mut String, group: Group) {
        if let Some(moved) = self.moved.get(&(group.tree, group.node)) {
            let name = if moved.is_target {
                "move-idref"
            } else {
                "move-id"
            };
            let delta = &self.mark_names.delta;
            out.push_str(&format!(" {delta}:{name}=\"m{}\"", moved.number));
        }
    }

    /// Pairs deleted and added nodes with equal content; returns whether there were any.
    pub(super) fn find_moves(&mut self) -> bool {
        let mut by_hash: HashMap<u64, Vec<Unmatched>> = HashMap::new();
        for &node in &self.unmatched {
            let hash = self.trees[node.1].exact[node.2 as usize];
            by_hash.entry(hash).or_default().push(node);
        }
        for &node in &self.unmatched {
            let hash = self.trees[node.1].exact[node.2 as usize];
            let Some([one, other]) = by_hash.get(&hash).map(Vec::as_slice) else {
                continue;
            };
            let (from, to) = if one.0 < other.0 {
                (*one, *other)
            } else {
                (*other, *one)
            };
            if from.0 & to.0 == 0 && node == from {
                let number = self.moved.len() as u32 / 2 + 1;
                self.moved.insert(
                    (from.1, from.2),
                    Moved {
                        number,
                        is_target: false,
                    },
                );
                self.moved.insert(
                    (to.1, to.2),
                    Moved {
                        number,
                        is_target: true,
                    },
                );
            }
        }
        !self.moved.is_empty()
    }
}
