//! One piece of content at a time: text, comments and instructions, children.

use std::ops::Range;

use super::frame::Opening;
use super::level::{Alternative, Group};
use super::marks::{self, Mask, Outcome};
use super::merger::Merger;
use super::settings::Form;
use super::tags::{self, Alternation, Tags};
use crate::error::Error;
use crate::hashes;
use crate::options::Whitespace;
use crate::tree::Span;
use crate::write::{self, Writer};

impl Merger<'_> {
    /// Children that all versions have alike.
    pub(super) fn run_of(&mut self, tree: usize, run: Range<u32>) -> Result<(), Error> {
        let frame = self.frames.last().expect("there is one");
        let is_marked = frame.is_marked;
        let mut marks = std::mem::take(&mut self.scratch);
        marks.clear();
        if is_marked {
            self.tags.mark(&mut marks, [frame.mask]);
        }
        let common = marks.len();
        let mut node = run.start;
        while node < run.end {
            self.tick()?;
            let one = self.trees[tree].node(node);
            self.reach(tree, node);
            if !one.is_element() {
                self.out.node(&self.trees[tree], node);
            } else if is_marked && self.settings.form == Form::ChangesOnly {
                self.out.hollow(&self.trees[tree], node, &marks);
            } else {
                if is_marked {
                    let group = Group {
                        mask: 0,
                        tree,
                        node,
                    };
                    self.ordered_mark(&mut marks, &[group]);
                }
                self.out.copy(&self.trees[tree], node, &marks);
                marks.truncate(common);
            }
            node = one.end;
        }
        self.scratch = marks;
        Ok(())
    }

    pub(super) fn bare(&mut self, tree: usize, text: Span, is_preserved: bool) {
        let tree = &self.trees[tree];
        if self.settings.whitespace == Whitespace::Ignore && !is_preserved {
            let mut collapsed = String::new();
            hashes::collapse(tree.str(text), (false, false), &mut collapsed);
            self.out.content(&collapsed);
        } else {
            self.out.span(tree, text);
        }
    }

    /// Text that differs, or that stays where it is: it must be in an element then, for readers take text for a part of
    /// what is before it.
    pub(super) fn region(&mut self, range: Range<u32>, stays: bool) {
        let frame = self.frames.last_mut().expect("there is one");
        let level = &mut frame.level;
        let texts: Vec<Alternative> =
            level.alternatives[range.start as usize..range.end as usize].to_vec();
        let text = std::mem::take(&mut level.text);
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let masks: Vec<Mask> = texts.iter().map(|one| one.mask).collect();
        let part = |at: usize| &text[texts[at].text.start as usize..texts[at].text.end as usize];
        if masks == [all] && !(stays && is_marked) {
            self.out.content(part(0));
        } else if masks == [all] {
            let write = |out: &mut Writer, at| out.content(part(at));
            alternatives(&mut self.out, &self.tags, &self.tags.text, &masks, write);
        } else {
            match self.settle(all, &masks, is_marked) {
                Outcome::Take(at) => self.out.content(part(at)),
                Outcome::Omit => {}
                Outcome::Conflict { .. } => {
                    let write = |out: &mut Writer, at| out.content(part(at));
                    alternatives(&mut self.out, &self.tags, &self.tags.text, &masks, write);
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
                alternatives(&mut self.out, &self.tags, &self.tags.content, &masks, write);
            }
        }
    }

    /// Appends ` original-position="A=3, B=1"`, where order does not count.
    fn position_mark(&self, out: &mut String, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        let frame = self.frames.last().expect("there is one");
        let all = &frame.level.positions[range.start as usize..range.end as usize];
        let mut pairs = Vec::new();
        for (number, label) in self.tags.labels.0.iter().enumerate() {
            if let Some((_, position)) = all.iter().find(|(mask, _)| mask & 1 << number != 0) {
                pairs.push(format!("{label}={position}"));
            }
        }
        let delta = &self.tags.delta;
        out.push_str(&format!(
            " {delta}:original-position=\"{}\"",
            pairs.join(", ")
        ));
    }

    /// A child, in some versions or all.
    pub(super) fn element(&mut self, groups: Vec<Group>, positions: Range<u32>) {
        let frame = self.frames.last().expect("there is one");
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let one = groups[0];
        self.reach(one.tree, one.node);
        let owners = groups.iter().map(|group| group.mask);
        let some = owners.clone().fold(0, |some, one| some | one);
        let is_shared = groups.len() == 1 && one.mask == all;
        let outcome = marks::decide(self.settings.mode, all, &owners.clone().collect::<Vec<_>>());
        let gone = !is_shared && matches!(outcome, Outcome::Conflict { gone: true });
        self.counts.changes += u64::from(some != all);
        self.counts.conflicts += u64::from(gone);
        if is_marked || gone {
            let mut marks = std::mem::take(&mut self.scratch);
            marks.clear();
            let is_placed = !positions.is_empty();
            self.tags.mark(&mut marks, owners);
            self.position_mark(&mut marks, positions);
            if groups.len() == 1 && some != all {
                if self.settings.moves {
                    self.unmatched.push((some, one.tree, one.node));
                }
                self.move_mark(&mut marks, one);
            }
            if is_shared && self.settings.form == Form::ChangesOnly {
                self.out.hollow(&self.trees[one.tree], one.node, &marks);
            } else {
                self.ordered_mark(&mut marks, &groups);
                if groups.len() == 1 {
                    self.out.copy(&self.trees[one.tree], one.node, &marks);
                } else {
                    let opening = Opening {
                        mask: some,
                        marks: &marks,
                        is_marked: true,
                        is_placed,
                    };
                    self.open(groups, &opening);
                }
            }
            self.scratch = marks;
            return;
        }
        match outcome {
            Outcome::Take(at) => {
                self.counts.changes += u64::from(some == all && !is_shared);
                self.out
                    .copy(&self.trees[groups[at].tree], groups[at].node, "");
            }
            Outcome::Omit => {}
            Outcome::Conflict { .. } => self.open(groups, &Opening::unmarked(some)),
        }
    }

    /// An element as a group has it, with its mark.
    pub(super) fn marked_copy(&mut self, group: Group, mask: Mask) {
        let mut marks = std::mem::take(&mut self.scratch);
        marks.clear();
        self.tags.mark(&mut marks, [mask]);
        self.ordered_mark(&mut marks, &[group]);
        self.out.copy(&self.trees[group.tree], group.node, &marks);
        self.scratch = marks;
    }

    /// Appends what the documents said of an element's order and key.
    pub(super) fn ordered_mark(&self, out: &mut String, groups: &[Group]) {
        let is_orderless = |group: &Group| self.trees[group.tree].orderless.contains(&group.node);
        let delta = &self.tags.delta;
        if groups.iter().any(is_orderless) {
            out.push_str(&format!(" {delta}:ordered=\"false\""));
        }
        let tree = &self.trees[groups[0].tree];
        if let Some(&key) = tree.keys.get(&groups[0].node) {
            out.push_str(&format!(" {delta}:key=\""));
            write::escape(out, tree.str(key), true);
            out.push('"');
        }
    }
}

/// A group of alternatives, each written by `write`.
fn alternatives(
    out: &mut Writer,
    tags: &Tags,
    names: &Alternation,
    masks: &[Mask],
    write: impl Fn(&mut Writer, usize),
) {
    tags.start(&mut out.text, &names.group, masks.iter().copied());
    for (at, &mask) in masks.iter().enumerate() {
        tags.start(&mut out.text, &names.one, [mask]);
        write(out, at);
        tags::end(&mut out.text, &names.one);
    }
    tags::end(&mut out.text, &names.group);
}
