//! Begins and ends an element that differs.

use super::frame::{Frame, Opening};
use super::merger::Merger;
use super::plan::{ContentPlan, Group};
use super::settings::Form;
use crate::tree::Kind;

impl Merger<'_> {
    /// Begins an element that differs.
    pub(super) fn open(&mut self, groups: Vec<Group>, opening: &Opening<'_>) {
        let first = groups[0];
        let tree = &self.trees[first.tree];
        let Kind::Element(name) = tree.node(first.node).kind() else {
            unreachable!("only elements are opened");
        };
        let start = self.out.text.len();
        let outer = self.out.scope;
        let outer_unmatched = self.unmatched.len();
        self.out.raw("<");
        self.out.name(name);
        for (number, group) in groups.iter().enumerate() {
            let scope = self.trees[group.tree].node(group.node).scope;
            if number == 0 {
                self.out.enter(scope);
            } else {
                self.out.enter_beside(scope);
            }
        }
        self.out.raw(opening.marks);
        if self.attributes(&groups, opening) {
            self.out.scope = outer;
            return;
        }
        let mut rest = self.pending_content(&groups);
        let level = self.next_plan(&groups, &mut rest).unwrap_or_default();
        self.frames.push(Frame {
            plan: level,
            next: 0,
            pending: rest,
            mask: opening.mask,
            name,
            outer,
            is_marked: opening.is_marked,
            in_conflict: opening.in_conflict,
            has_positions: opening.is_placed,
            groups,
            start,
            outer_unmatched,
        });
    }

    /// Continues with the next window of the innermost element, or ends it.
    pub(super) fn advance(&mut self) {
        let mut frame = self.frames.pop().expect("an element is open");
        frame.plan = ContentPlan::default();
        match self.next_plan(&frame.groups, &mut frame.pending) {
            Some(level) => {
                frame.plan = level;
                frame.next = 0;
                self.frames.push(frame);
            }
            None => self.end(frame),
        }
    }

    /// Ends the innermost element. If its marks are too long, its versions are written whole instead.
    fn end(&mut self, frame: Frame) {
        self.out.close(frame.name, frame.outer);
        if !frame.is_marked || self.frames.is_empty() || self.settings.form == Form::Merged {
            return;
        }
        let trees = self.trees;
        let nodes = || {
            let groups = frame.groups.iter();
            groups.map(|group| (&trees[group.tree], group.node))
        };
        let whole = nodes().map(|(tree, node)| tree.size(node)).sum();
        let written = self.out.text.len() - frame.start;
        let mut loose = nodes().map(|(tree, node)| tree.loose(node));
        let first = loose.next();
        let is_white_space_only = loose.all(|hash| Some(hash) == first);
        if frame.has_positions
            || !self
                .budget
                .prefers_whole(written, whole, is_white_space_only)
        {
            return;
        }
        self.out.text.truncate(frame.start);
        let inside = self
            .conflict_offsets
            .partition_point(|&at| at <= frame.start);
        if inside < self.conflict_offsets.len() {
            self.conflict_offsets.truncate(inside);
            self.conflict_offsets.push(frame.start);
        }
        self.unmatched.truncate(frame.outer_unmatched);
        for group in frame.groups {
            self.marked_copy(group, group.mask);
        }
    }
}
