//! Writes one operation: text, comments and processing instructions, or child elements.

use std::ops::Range;

use super::frame::Opening;
use super::mark_names::{self, Alternation, MarkNames};
use super::marks::{self, Mask, Outcome};
use super::merger::Merger;
use super::plan::{Alternative, Group};
use super::settings::Form;
use crate::chars::is_blank;
use crate::error::Error;
use crate::hashes;
use crate::options::{Mode, Whitespace};
use crate::tree::Span;
use crate::write::{self, Writer};

impl Merger<'_> {
    /// Writes common child nodes.
    pub(super) fn common_nodes(&mut self, tree: usize, run: Range<u32>) -> Result<(), Error> {
        let frame = self.frames.last().expect("an element is open");
        let is_marked = frame.is_marked;
        let mut marks = std::mem::take(&mut self.scratch);
        marks.clear();
        if is_marked {
            self.mark_names.mark(&mut marks, [frame.mask]);
        }
        let common = marks.len();
        let mut node = run.start;
        while node < run.end {
            self.report_progress()?;
            let one = self.trees[tree].node(node);
            self.advance_progress(tree, node);
            if !one.is_element() {
                self.out.node(&self.trees[tree], node);
            } else if is_marked && self.settings.form == Form::ChangesOnly {
                self.out.empty_element(&self.trees[tree], node, &marks);
            } else {
                if is_marked {
                    let group = Group {
                        mask: 0,
                        tree,
                        node,
                    };
                    self.push_order_and_key(&mut marks, &[group]);
                }
                self.out.copy(&self.trees[tree], node, &marks);
                marks.truncate(common);
            }
            node = one.end;
        }
        self.scratch = marks;
        Ok(())
    }

    pub(super) fn text(&mut self, tree: usize, text: Span, is_preserved: bool) {
        let tree = &self.trees[tree];
        if self.settings.matching.whitespace == Whitespace::Ignore && !is_preserved {
            let mut collapsed = String::new();
            hashes::collapse(tree.str(text), (false, false), &mut collapsed);
            self.out.content(&collapsed);
        } else {
            self.out.span(tree, text);
        }
    }

    /// Writes text that differs, or text that must keep its place and is therefore marked.
    pub(super) fn text_alternatives(&mut self, range: Range<u32>, stays: bool) {
        let in_conflict = self.take_in_conflict();
        let frame = self.frames.last_mut().expect("an element is open");
        let level = &mut frame.plan;
        let texts: Vec<Alternative> =
            level.alternatives[range.start as usize..range.end as usize].to_vec();
        let text = std::mem::take(&mut level.text);
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let masks: Vec<Mask> = texts.iter().map(|one| one.mask).collect();
        let content = frame.pending.content;
        let part = |at: usize| &text[texts[at].text.start as usize..texts[at].text.end as usize];
        // What several versions added is the same if it differs in white space only, also in text.
        let is_between_elements = !content.is_mixed || all & 1 == 0;
        let is_insignificant = is_between_elements
            && !content.is_preserved
            && (0..texts.len()).all(|at| is_blank(part(at)));
        if masks == [all] && !(stays && is_marked) {
            self.out.content(part(0));
        } else if masks == [all] {
            let write = |out: &mut Writer, at| out.content(part(at));
            write_alternatives(
                &mut self.out,
                &self.mark_names,
                &self.mark_names.text,
                &masks,
                write,
            );
        } else {
            let texts = (0..masks.len()).map(part);
            let outcome = if is_insignificant && !in_conflict {
                self.counts.changes += 1;
                self.decide_white_space(all, &masks, texts, is_marked)
            } else {
                self.count_and_decide(all, &masks, is_marked, in_conflict)
            };
            match outcome {
                Outcome::Take(at) => self.out.content(part(at)),
                Outcome::Omit => {}
                Outcome::Conflict { .. } => {
                    let write = |out: &mut Writer, at| out.content(part(at));
                    write_alternatives(
                        &mut self.out,
                        &self.mark_names,
                        &self.mark_names.text,
                        &masks,
                        write,
                    );
                }
            }
        }
        self.frames
            .last_mut()
            .expect("the frame is still open")
            .plan
            .text = text;
    }

    /// Decides about white space between elements: different changes are no conflict, and the longest is taken.
    fn decide_white_space<'s>(
        &self,
        all: Mask,
        masks: &[Mask],
        texts: impl Iterator<Item = &'s str>,
        is_marked: bool,
    ) -> Outcome {
        match marks::decide(self.settings.mode, all, masks) {
            _ if is_marked => Outcome::Conflict { gone: false },
            Outcome::Conflict { .. } => {
                let changed = texts.zip(masks).enumerate();
                let changed = changed.filter(|(_, (_, mask))| *mask & 1 == 0);
                let longest = changed.max_by_key(|(at, (text, _))| (text.len(), masks.len() - at));
                longest.map_or(Outcome::Omit, |(at, _)| Outcome::Take(at))
            }
            outcome => outcome,
        }
    }

    /// Counts a difference and decides what to write there. Inside a conflict everything is marked and no other conflict
    /// is counted.
    pub(super) fn count_and_decide(
        &mut self,
        all: Mask,
        masks: &[Mask],
        is_marked: bool,
        in_conflict: bool,
    ) -> Outcome {
        let outcome = marks::decide(self.settings.mode, all, masks);
        let contradicts = matches!(outcome, Outcome::Conflict { .. });
        self.counts.changes += 1;
        self.count_conflicts(u64::from(contradicts && !in_conflict));
        if is_marked || in_conflict {
            Outcome::Conflict { gone: false }
        } else {
            outcome
        }
    }

    /// A comment or a processing instruction.
    pub(super) fn comment_or_instruction(&mut self, groups: &[Group]) {
        let in_conflict = self.take_in_conflict();
        let frame = self.frames.last().expect("an element is open");
        let (all, is_marked) = (frame.mask, frame.is_marked);
        let masks: Vec<Mask> = groups.iter().map(|group| group.mask).collect();
        let trees = self.trees;
        let write =
            |out: &mut Writer, at: usize| out.node(&trees[groups[at].tree], groups[at].node);
        if masks == [all] {
            write(&mut self.out, 0);
            return;
        }
        match self.count_and_decide(all, &masks, is_marked, in_conflict) {
            Outcome::Take(at) => write(&mut self.out, at),
            Outcome::Omit => {}
            Outcome::Conflict { .. } => {
                write_alternatives(
                    &mut self.out,
                    &self.mark_names,
                    &self.mark_names.content,
                    &masks,
                    write,
                );
            }
        }
    }

    /// Appends ` original-position="A=3, B=1"`, where order does not count.
    fn push_position_mark(&self, out: &mut String, range: Range<u32>) {
        if range.is_empty() {
            return;
        }
        let frame = self.frames.last().expect("an element is open");
        let all = &frame.plan.positions[range.start as usize..range.end as usize];
        let mut pairs = Vec::new();
        for (number, label) in self.mark_names.versions.0.iter().enumerate() {
            if let Some((_, position)) = all.iter().find(|(mask, _)| mask & 1 << number != 0) {
                pairs.push(format!("{label}={position}"));
            }
        }
        let delta = &self.mark_names.delta;
        out.push_str(&format!(
            " {delta}:original-position=\"{}\"",
            pairs.join(", ")
        ));
    }

    /// Writes a child element.
    pub(super) fn element(&mut self, groups: Vec<Group>, positions: Range<u32>) {
        let is_part = self.in_conflict;
        let in_conflict = self.take_in_conflict();
        let frame = self.frames.last().expect("an element is open");
        let (all, is_marked) = (frame.mask, frame.is_marked || is_part);
        let one = groups[0];
        self.advance_progress(one.tree, one.node);
        let owners = groups.iter().map(|group| group.mask);
        let some = owners.clone().fold(0, |some, one| some | one);
        let is_shared = groups.len() == 1 && one.mask == all;
        // In unordered content, elements of one version are needed to restore positions.
        let is_one_sided = groups.len() == 1 && !is_shared && positions.is_empty();
        if is_one_sided && self.trees[one.tree].ignored.contains(&one.node) {
            self.ignored_element(one, (all, is_marked));
            return;
        }
        let outcome = marks::decide(self.settings.mode, all, &owners.clone().collect::<Vec<_>>());
        let gone = !is_shared && matches!(outcome, Outcome::Conflict { gone: true });
        self.counts.changes += u64::from(some != all);
        let added_differently = self.are_added_differently(&groups, all);
        self.count_conflicts(u64::from((gone || added_differently) && !in_conflict));
        let in_conflict = in_conflict || gone || added_differently;
        if is_marked || gone {
            let mut marks = std::mem::take(&mut self.scratch);
            marks.clear();
            let is_placed = !positions.is_empty();
            self.mark_names.mark(&mut marks, owners);
            self.push_position_mark(&mut marks, positions);
            if groups.len() == 1 && some != all {
                if self.settings.moves {
                    self.unmatched.push((some, one.tree, one.node));
                }
                self.push_move_mark(&mut marks, one);
            }
            if is_shared && self.settings.form == Form::ChangesOnly {
                self.out
                    .empty_element(&self.trees[one.tree], one.node, &marks);
            } else {
                self.push_order_and_key(&mut marks, &groups);
                if groups.len() == 1 {
                    self.out.copy(&self.trees[one.tree], one.node, &marks);
                } else {
                    let opening = Opening {
                        mask: some,
                        marks: &marks,
                        is_marked: true,
                        is_placed,
                        in_conflict,
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
            Outcome::Conflict { .. } => {
                let opening = Opening {
                    in_conflict,
                    ..Opening::unmarked(some)
                };
                self.open(groups, &opening);
            }
        }
    }

    /// Whether several versions added elements with the same key or identifier, but different content.
    fn are_added_differently(&self, groups: &[Group], all: Mask) -> bool {
        let loose = |group: &Group| self.trees[group.tree].loose(group.node);
        let is_added = groups.iter().all(|group| group.mask & 1 == 0);
        let has_ancestor = self.settings.mode != Mode::Sequential && all & 1 != 0;
        let differs = || groups.iter().any(|group| loose(group) != loose(&groups[0]));
        has_ancestor && is_added && differs()
    }

    /// Writes an element of a group with its mark.
    pub(super) fn marked_copy(&mut self, group: Group, mask: Mask) {
        let mut marks = std::mem::take(&mut self.scratch);
        marks.clear();
        self.mark_names.mark(&mut marks, [mask]);
        self.push_order_and_key(&mut marks, &[group]);
        self.out.copy(&self.trees[group.tree], group.node, &marks);
        self.scratch = marks;
    }

    /// Appends the directives about order and key.
    pub(super) fn push_order_and_key(&self, out: &mut String, groups: &[Group]) {
        let is_orderless = |group: &Group| self.trees[group.tree].unordered.contains(&group.node);
        let delta = &self.mark_names.delta;
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

/// Writes a group of alternatives.
fn write_alternatives(
    out: &mut Writer,
    tags: &MarkNames,
    names: &Alternation,
    masks: &[Mask],
    write: impl Fn(&mut Writer, usize),
) {
    tags.start(&mut out.text, &names.group, masks.iter().copied());
    for (at, &mask) in masks.iter().enumerate() {
        tags.start(&mut out.text, &names.one, [mask]);
        write(out, at);
        mark_names::end(&mut out.text, &names.one);
    }
    mark_names::end(&mut out.text, &names.group);
}
