//! One piece of content at a time: text, comments and instructions, children.

use std::ops::Range;

use super::level::{Alternative, Group};
use super::marks::{self, Mask, Outcome};
use super::{Form, Merger};
use crate::xml::Whitespace;
use crate::xml::error::Error;
use crate::xml::hashes;
use crate::xml::tree::Span;
use crate::xml::write::{self, Writer};

impl Merger<'_> {
    /// Children that all versions have alike.
    pub(super) fn run_of(&mut self, tree: usize, run: Range<u32>) -> Result<(), Error> {
        let frame = self.frames.last().expect("there is one");
        let is_marked = frame.is_marked;
        let mark = if is_marked {
            self.mark([frame.mask])
        } else {
            String::new()
        };
        let mut node = run.start;
        while node < run.end {
            self.tick()?;
            let one = *self.trees[tree].node(node);
            if tree == 0 {
                self.done = one.at() as u64;
            }
            if !one.is_element() {
                self.out.node(&self.trees[tree], node);
            } else if is_marked && self.settings.form == Form::ChangesOnly {
                self.out.hollow(&self.trees[tree], node, &mark);
            } else {
                let group = Group {
                    mask: 0,
                    tree,
                    node,
                };
                let more = if is_marked {
                    self.ordered_mark(&[group])
                } else {
                    String::new()
                };
                if more.is_empty() {
                    self.out.copy(&self.trees[tree], node, &mark);
                } else {
                    self.out
                        .copy(&self.trees[tree], node, &(mark.clone() + &more));
                }
            }
            node = one.end;
        }
        Ok(())
    }

    pub(super) fn bare(&mut self, tree: usize, text: Span) {
        let tree = &self.trees[tree];
        if self.settings.whitespace == Whitespace::Ignore {
            let mut collapsed = String::new();
            hashes::collapse(tree.str(text), (false, false), &mut collapsed);
            self.out.content(&collapsed);
        } else {
            self.out.span(tree, text);
        }
    }

    pub(super) fn region(&mut self, range: Range<u32>) {
        let frame = self.frames.last_mut().expect("there is one");
        let level = &mut frame.level;
        let alternatives: Vec<Alternative> =
            level.alternatives[range.start as usize..range.end as usize].to_vec();
        let text = std::mem::take(&mut level.text);
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let masks: Vec<Mask> = alternatives.iter().map(|one| one.mask).collect();
        let part = |at: usize| {
            &text[alternatives[at].text.start as usize..alternatives[at].text.end as usize]
        };
        if masks == [all] {
            self.out.content(part(0));
        } else {
            match self.settle(all, &masks, is_marked) {
                Outcome::Take(at) => self.out.content(part(at)),
                Outcome::Omit => {}
                Outcome::Conflict { .. } => {
                    let group = format!("{}:textGroup", self.prefixes[0]);
                    let one = format!("{}:text", self.prefixes[0]);
                    self.alternatives(&group, &one, &masks, |out, at| out.content(part(at)));
                }
            }
        }
        self.frames
            .last_mut()
            .expect("it is still there")
            .level
            .text = text;
    }

    /// Counts a place where versions differ, and says what to write there: marks are a conflict's way.
    pub(super) fn settle(&mut self, all: Mask, masks: &[Mask], is_marked: bool) -> Outcome {
        let outcome = marks::decide(self.settings.mode, all, masks);
        self.counts.changes += 1;
        self.counts.conflicts += u64::from(matches!(outcome, Outcome::Conflict { .. }));
        if is_marked {
            Outcome::Conflict { gone: false }
        } else {
            outcome
        }
    }

    /// A group of alternatives, each written by `write`.
    pub(super) fn alternatives(
        &mut self,
        group: &str,
        one: &str,
        masks: &[Mask],
        write: impl Fn(&mut Writer, usize),
    ) {
        let mark = self.mark(masks.iter().copied());
        self.out.raw(&format!("<{group}{mark}>"));
        for (at, mask) in masks.iter().enumerate() {
            let mark = self.mark([*mask]);
            self.out.raw(&format!("<{one}{mark}>"));
            write(&mut self.out, at);
            self.out.raw(&format!("</{one}>"));
        }
        self.out.raw(&format!("</{group}>"));
    }

    /// A comment or a processing instruction.
    pub(super) fn aside(&mut self, groups: &[Group]) {
        let frame = self.frames.last().expect("there is one");
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let masks: Vec<Mask> = groups.iter().map(|group| group.mask).collect();
        let trees = self.trees;
        let write =
            |out: &mut Writer, at: usize| out.node(&trees[groups[at].tree], groups[at].node);
        if masks == [all] {
            write(&mut self.out, 0);
            return;
        }
        match self.settle(all, &masks, is_marked) {
            Outcome::Take(at) => write(&mut self.out, at),
            Outcome::Omit => {}
            Outcome::Conflict { .. } => {
                let group = format!("{}:contentGroup", self.prefixes[0]);
                let one = format!("{}:content", self.prefixes[0]);
                self.alternatives(&group, &one, &masks, write);
            }
        }
    }

    /// ` original-position="A=3, B=1"`, where order does not count.
    pub(super) fn positions(&self, range: Range<u32>) -> String {
        if range.is_empty() {
            return String::new();
        }
        let frame = self.frames.last().expect("there is one");
        let mut pairs = Vec::new();
        for (number, label) in self.labels.0.iter().enumerate() {
            let all = &frame.level.positions[range.start as usize..range.end as usize];
            if let Some((_, position)) = all.iter().find(|(mask, _)| mask & 1 << number != 0) {
                pairs.push(format!("{label}={position}"));
            }
        }
        format!(
            " {}:original-position=\"{}\"",
            self.prefixes[0],
            pairs.join(", ")
        )
    }

    pub(super) fn element(&mut self, groups: Vec<Group>, positions: &str) {
        let frame = self.frames.last().expect("there is one");
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let masks: Vec<Mask> = groups.iter().map(|group| group.mask).collect();
        let some = masks.iter().fold(0, |some, one| some | one);
        if groups[0].tree == 0 {
            self.done = self.trees[0].node(groups[0].node).at() as u64;
        }
        let one = groups[0];
        if masks == [all] {
            let mark = if is_marked {
                self.mark(masks) + positions
            } else {
                String::new()
            };
            if is_marked && self.settings.form == Form::ChangesOnly {
                self.out.hollow(&self.trees[one.tree], one.node, &mark);
            } else {
                self.copy(one, mark, is_marked);
            }
            return;
        }
        let outcome = marks::decide(self.settings.mode, all, &masks);
        let gone = matches!(outcome, Outcome::Conflict { gone: true });
        let is_alone = masks.len() == 1;
        self.counts.changes += u64::from(some != all);
        self.counts.conflicts += u64::from(gone);
        if is_marked || gone {
            let mark = self.mark(masks) + positions;
            if is_alone {
                self.loners.push((some, one.tree, one.node));
                let mark = mark + &self.move_mark(one);
                self.copy(one, mark, true);
                return;
            }
            self.open(groups, some, &mark, true);
            return;
        }
        match outcome {
            Outcome::Take(at) => {
                self.counts.changes += u64::from(some == all);
                self.copy(groups[at], String::new(), false);
            }
            Outcome::Omit => {}
            Outcome::Conflict { .. } => self.open(groups, some, "", false),
        }
    }

    pub(super) fn mark(&self, groups: impl IntoIterator<Item = Mask>) -> String {
        let mut mark = self.mark_start.clone();
        self.labels.push(&mut mark, groups);
        mark.push('"');
        mark
    }

    pub(super) fn copy(&mut self, group: Group, mut marks: String, is_marked: bool) {
        if is_marked {
            marks.push_str(&self.ordered_mark(&[group]));
        }
        self.out.copy(&self.trees[group.tree], group.node, &marks);
    }

    /// What the documents said of an element's order and key.
    pub(super) fn ordered_mark(&self, groups: &[Group]) -> String {
        let mut marks = String::new();
        if groups
            .iter()
            .any(|group| self.trees[group.tree].orderless.contains(&group.node))
        {
            marks.push_str(&format!(" {}:ordered=\"false\"", self.prefixes[0]));
        }
        let tree = &self.trees[groups[0].tree];
        if let Some(&key) = tree.keys.get(&groups[0].node) {
            marks.push_str(&format!(" {}:key=\"", self.prefixes[0]));
            write::escape(&mut marks, tree.str(key), true);
            marks.push('"');
        }
        marks
    }
}
