//! Walks a delta and writes its lines: one for each start tag, end tag, comment and text. Elements with text in them
//! are written in one line with their content, unless they are long.

use super::lines::{Lines, Owner, PieceKind};
use crate::chars::is_blank;
use crate::delta::{DeltaNames, names_in};
use crate::error::Error;
use crate::names::{NameId, Names};
use crate::progress::{Progress, ProgressSink, Step};
use crate::tree::{Kind, Tree};

/// Number of nodes between two progress reports.
const PROGRESS_INTERVAL: u32 = 4096;
/// Elements with more nodes than this are never written in one line.
const MAX_LINE_NODES: u32 = 400;

/// Number of characters of a text in the list of changes.
const MAX_LABEL_CHARS: usize = 40;

/// A step that is left to do.
enum Task {
    Node(u32, Place),
    /// An end tag.
    Close(NameId, Place),
}

/// The place of a node.
#[derive(Clone, Copy)]
struct Place {
    depth: usize,
    owner: Owner,
    /// The number of versions that have its parent.
    parents: usize,
    /// It is written in the line of its parent.
    is_inline: bool,
    /// It is part of an element that is in conflict.
    in_conflict: bool,
}

pub(super) struct Walk<'w> {
    tree: &'w Tree,
    names: &'w Names,
    delta_names: &'w DeltaNames,
    versions: &'w [&'w str],
    /// Offsets in the delta at which conflicts begin, in ascending order.
    conflicts: &'w [usize],
    pub(super) lines: Lines,
    tasks: Vec<Task>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        tree: &'w Tree,
        names: &'w Names,
        delta_names: &'w DeltaNames,
        versions: &'w [&'w str],
        conflicts: &'w [usize],
        lines: Lines,
    ) -> Self {
        Self {
            tree,
            names,
            delta_names,
            versions,
            conflicts,
            lines,
            tasks: Vec::new(),
        }
    }

    /// Writes all lines.
    ///
    /// # Errors
    /// [`ErrorKind::Stopped`](crate::ErrorKind::Stopped).
    pub(super) fn run(&mut self, sink: &dyn ProgressSink) -> Result<(), Error> {
        let root = Place {
            depth: 0,
            owner: Owner::ALL,
            parents: self.versions.len(),
            is_inline: false,
            in_conflict: false,
        };
        self.tasks.push(Task::Node(0, root));
        let mut count = 0_u32;
        while let Some(task) = self.tasks.pop() {
            count += 1;
            match task {
                Task::Close(name, place) => self.close(name, place),
                Task::Node(node, place) => {
                    let progress = Progress {
                        step: Step::Comparing,
                        done: self.tree.node(node).at() as u64,
                        total: self.tree.source.len() as u64,
                    };
                    if count.is_multiple_of(PROGRESS_INTERVAL) && sink.progress(progress).is_break()
                    {
                        return Err(Error::stopped());
                    }
                    self.node(node, place);
                }
            }
        }
        Ok(())
    }

    fn mark(&self, node: u32) -> &'w str {
        let mark = self.delta_names.mark(self.tree, self.names, node);
        mark.unwrap_or_default()
    }

    /// Whether a conflict begins in a range of the delta.
    fn is_conflict(&self, range: std::ops::Range<usize>) -> bool {
        let first = self.conflicts.partition_point(|&at| at < range.start);
        self.conflicts.get(first).is_some_and(|&at| at < range.end)
    }

    fn node(&mut self, node: u32, place: Place) {
        match self.tree.node(node).kind() {
            Kind::Text => {
                let text = self.tree.text(node);
                if place.is_inline || !is_blank(text) {
                    self.piece(PieceKind::Text, place, text);
                }
            }
            Kind::Comment => {
                let text = format!("<!--{}-->", self.tree.text(node));
                self.piece(PieceKind::Comment, place, &text);
            }
            Kind::Instruction => {
                let text = format!("<?{}?>", self.tree.text(node));
                self.piece(PieceKind::Comment, place, &text);
            }
            Kind::Element(name) => {
                match self.delta_names.mark_element(self.tree, self.names, node) {
                    Some(word) if word == self.delta_names.attributes => {}
                    Some(_) => self.alternatives(node, place),
                    None => self.element(node, name, place),
                }
            }
        }
    }

    /// Writes a piece of the current line, or a line of its own.
    fn piece(&mut self, kind: PieceKind, place: Place, text: &str) {
        if !place.is_inline {
            self.lines.begin(place.depth, place.owner);
        }
        self.lines.push(kind, place.owner, text);
    }

    /// Writes the alternatives of a text, comment or processing instruction.
    fn alternatives(&mut self, group: u32, place: Place) {
        let one = self.tree.node(group);
        let is_content = self.delta_names.mark_element(self.tree, self.names, group)
            == Some(self.delta_names.content_group);
        let text_of = |alternative: u32| -> String {
            let children = self.tree.children(alternative);
            let text = |node| match self.tree.node(node).kind() {
                Kind::Comment => format!("<!--{}-->", self.tree.text(node)),
                Kind::Instruction => format!("<?{}?>", self.tree.text(node)),
                Kind::Text | Kind::Element(_) => self.tree.text(node).to_owned(),
            };
            children.map(text).collect()
        };
        let texts: Vec<(&str, String)> = self
            .tree
            .children(group)
            .filter(|&child| self.tree.node(child).is_element())
            .map(|child| (self.mark(child), text_of(child)))
            .collect();
        let is_blank = texts.iter().all(|(_, text)| is_blank(text));
        let is_whole = matches!(&texts[..], [(mark, _)] if names_in(mark).count() == place.parents);
        let change = if is_whole || place.owner.change > 0 {
            place.owner.change
        } else {
            let label = if is_content {
                "comment"
            } else if is_blank {
                "white space"
            } else {
                "text"
            };
            let excerpt = if is_blank { None } else { texts.last() };
            let label = match excerpt {
                Some((_, text)) => format!("{label}: {}", excerpt_of(text)),
                None => label.to_owned(),
            };
            let end = self.end_of(group);
            let is_conflict = place.in_conflict || self.is_conflict(one.at()..end);
            self.lines
                .add_change(&label, !place.is_inline, (is_conflict, is_blank))
        };
        if !place.is_inline {
            let line = Owner {
                change,
                ..place.owner
            };
            self.lines.begin(place.depth, line);
        }
        for (mark, text) in texts {
            let owner = if is_whole {
                place.owner
            } else {
                let group = Some(self.lines.group(mark));
                Owner { group, change }
            };
            let kind = if is_content {
                PieceKind::Comment
            } else if is_blank {
                PieceKind::Space
            } else {
                PieceKind::Text
            };
            self.lines.push(kind, owner, &text);
        }
    }

    /// The offset after a node's start tag.
    fn end_of(&self, node: u32) -> usize {
        let at = self.tree.node(node).at();
        let tag = &self.tree.source[at..];
        at + memchr::memchr(b'>', tag.as_bytes()).unwrap_or(tag.len())
    }

    fn element(&mut self, node: u32, name: NameId, place: Place) {
        let mark = self.mark(node);
        let own = if mark.is_empty() {
            place.parents
        } else {
            names_in(mark).count()
        };
        let mut written = String::new();
        self.names.write(&mut written, name);
        let mut place = place;
        let is_one_sided = own < place.parents;
        place.in_conflict |= self.is_conflict(self.tree.node(node).at()..self.end_of(node));
        if is_one_sided {
            let is_conflict = place.in_conflict;
            if place.owner.change == 0 {
                place.owner.change = self.lines.add_change(
                    &format!("<{written}>"),
                    !place.is_inline,
                    (is_conflict, false),
                );
            }
            let versions: Vec<&str> = names_in(mark).collect();
            place.owner.group = Some(self.lines.group(&versions.join("=")));
        }
        if !place.is_inline {
            self.lines.begin(place.depth, place.owner);
        }
        let one = self.tree.node(node);
        self.lines
            .push(PieceKind::Markup, place.owner, &format!("<{written}"));
        self.attributes(node, place);
        let is_attributes = |child: &u32| {
            self.delta_names.mark_element(self.tree, self.names, *child)
                == Some(self.delta_names.attributes)
        };
        let mut content = self
            .tree
            .children(node)
            .filter(|child| !is_attributes(child));
        if content.next().is_none() {
            self.lines.push(PieceKind::Markup, place.owner, "/>");
            return;
        }
        self.lines.push(PieceKind::Markup, place.owner, ">");
        let is_inline =
            place.is_inline || (one.end - node <= MAX_LINE_NODES && self.contains_text(node));
        self.tasks
            .push(Task::Close(name, Place { is_inline, ..place }));
        let inner = Place {
            depth: place.depth + 1,
            parents: own,
            is_inline,
            ..place
        };
        let first = self.tasks.len();
        let children = self.tree.children(node);
        self.tasks
            .extend(children.map(|child| Task::Node(child, inner)));
        self.tasks[first..].reverse();
    }

    fn close(&mut self, name: NameId, place: Place) {
        let mut written = String::from("</");
        self.names.write(&mut written, name);
        written.push('>');
        self.piece(PieceKind::Markup, place, &written);
    }

    /// Whether an element contains text besides white space.
    fn contains_text(&self, node: u32) -> bool {
        self.tree.children(node).any(|child| {
            if self.tree.node(child).is_text() {
                return !is_blank(self.tree.text(child));
            }
            let is_group = self.delta_names.mark_element(self.tree, self.names, child)
                == Some(self.delta_names.text_group);
            is_group
                && (child..self.tree.node(child).end)
                    .any(|one| self.tree.node(one).is_text() && !is_blank(self.tree.text(one)))
        })
    }

    fn attributes(&mut self, node: u32, place: Place) {
        for attribute in self.tree.attributes(node) {
            let name = self.names.get(attribute.name);
            if name.uri == self.delta_names.uri {
                continue;
            }
            let mut written = String::from(" ");
            self.names.write(&mut written, attribute.name);
            let value = quoted(self.tree.str(attribute.value));
            self.lines
                .push(PieceKind::Markup, place.owner, &format!("{written}="));
            self.lines.push(PieceKind::Text, place.owner, &value);
        }
        let is_changed = |child: &u32| {
            self.delta_names.mark_element(self.tree, self.names, *child)
                == Some(self.delta_names.attributes)
        };
        let Some(container) = self.tree.children(node).find(is_changed) else {
            return;
        };
        for element in self.tree.children(container) {
            if let Kind::Element(name) = self.tree.node(element).kind() {
                self.changed_attribute(element, name, place);
            }
        }
    }

    fn changed_attribute(&mut self, element: u32, name: NameId, place: Place) {
        let full = self.names.get(name);
        let prefix = if full.uri == self.delta_names.plain {
            String::new()
        } else if full.uri == self.delta_names.xml {
            "xml:".to_owned()
        } else {
            format!("{}:", self.names.str(full.prefix))
        };
        let name = format!("{prefix}{}", self.names.str(full.local));
        let change = if place.owner.change > 0 {
            place.owner.change
        } else {
            let tag = self.tree.node(element).at()..self.end_of(element);
            let is_conflict = place.in_conflict || self.is_conflict(tag);
            self.lines.add_change(&name, false, (is_conflict, false))
        };
        for value in self.tree.children(element) {
            if !self.tree.node(value).is_element() {
                continue;
            }
            let group = Some(self.lines.group(self.mark(value)));
            let text: String = self
                .tree
                .children(value)
                .map(|text| self.tree.text(text))
                .collect();
            let owner = Owner { group, change };
            self.lines.push(
                PieceKind::Text,
                owner,
                &format!(" {name}={}", quoted(&text)),
            );
        }
    }
}

/// The start of a text, on one line.
fn excerpt_of(text: &str) -> String {
    let words = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let end = words.char_indices().nth(MAX_LABEL_CHARS);
    match end {
        Some((end, _)) => format!("{}...", &words[..end]),
        None => words,
    }
}

/// An attribute value as it can be written.
fn quoted(value: &str) -> String {
    if value.contains('"') {
        format!("'{value}'")
    } else {
        format!("\"{value}\"")
    }
}
