//! Restores the order of unordered children.

use super::extractor::{Extractor, Task};

impl Extractor<'_> {
    /// Sorts the version's elements by their original positions, if the delta has them; tasks are in reverse order.
    pub(super) fn restore_order(&self, tasks: &mut [Task]) {
        let position = |task: &Task| -> Option<usize> {
            let Task::Node(node) = task else { return None };
            if !self.includes(*node) {
                return None;
            }
            let positions = self.marked(*node, self.delta_names.position)?;
            let own = positions.split(',').find_map(|pair| {
                let (version, position) = pair.trim().rsplit_once('=')?;
                (version == self.version).then_some(position)
            });
            own?.parse().ok()
        };
        let slots: Vec<usize> = (0..tasks.len())
            .rev()
            .filter(|&at| position(&tasks[at]).is_some())
            .collect();
        if slots.is_empty() {
            return;
        }
        let mut placed: Vec<(usize, u32)> = slots
            .iter()
            .filter_map(|&at| match tasks[at] {
                Task::Node(node) => position(&tasks[at]).map(|position| (position, node)),
                Task::Close(..) => None,
            })
            .collect();
        placed.sort_by_key(|one| one.0);
        for (&slot, (_, node)) in slots.iter().zip(placed) {
            tasks[slot] = Task::Node(node);
        }
    }
}
