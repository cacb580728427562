//! The lines of a page, as JSON.

use std::fmt::Write;

use crate::entities::{REFERENCE_END, REFERENCE_START};

/// The kind of a piece of a line, for its color.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PieceKind {
    Text = 0,
    Markup = 1,
    Comment = 2,
    /// White space that changed, shown with symbols.
    Space = 3,
}

/// The versions and the change that a line or a piece of it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    /// The index of the set of versions; `None` for all that have the place around it.
    pub(super) group: Option<usize>,
    /// The number of the change, from 1; 0 for none.
    pub(super) change: usize,
}

impl Owner {
    pub(super) const ALL: Self = Self {
        group: None,
        change: 0,
    };
}

/// A change of the list.
struct Change {
    line: usize,
    is_conflict: bool,
    is_blank: bool,
}

/// Collects lines and changes.
#[derive(Default)]
pub(super) struct Lines {
    /// The lines as JSON arrays: depth, group, change, and pieces.
    json: String,
    count: usize,
    changes: Vec<Change>,
    /// The labels of the changes as JSON strings.
    labels: String,
    /// Sets of versions, as in marks.
    groups: Vec<String>,
}

impl Lines {
    /// Begins a line.
    pub(super) fn begin(&mut self, depth: usize, owner: Owner) {
        if self.count > 0 {
            self.json.push_str("],\n");
        }
        self.count += 1;
        let group = owner.group.map_or(-1, |group| group as i64);
        write!(self.json, "[{depth},{group},{}", owner.change)
            .expect("writing to a string succeeds");
    }

    /// Adds a piece to the line.
    pub(super) fn push(&mut self, kind: PieceKind, owner: Owner, text: &str) {
        self.json.push(',');
        if kind == PieceKind::Text && owner == Owner::ALL {
            push_string(&mut self.json, text);
            return;
        }
        let group = owner.group.map_or(-1, |group| group as i64);
        write!(self.json, "[{},{group},{},", kind as u8, owner.change)
            .expect("writing to a string succeeds");
        push_string(&mut self.json, text);
        self.json.push(']');
    }

    /// Adds a change that begins in the current line, or in the next one; returns its number.
    pub(super) fn add_change(
        &mut self,
        label: &str,
        is_in_next: bool,
        (is_conflict, is_blank): (bool, bool),
    ) -> usize {
        let line = if is_in_next {
            self.count
        } else {
            self.count - 1
        };
        if !self.labels.is_empty() {
            self.labels.push(',');
        }
        push_string(&mut self.labels, label);
        self.changes.push(Change {
            line,
            is_conflict,
            is_blank,
        });
        self.changes.len()
    }

    /// The index of a set of versions.
    pub(super) fn group(&mut self, mark: &str) -> usize {
        if let Some(known) = self.groups.iter().rposition(|one| one == mark) {
            return known;
        }
        self.groups.push(mark.to_owned());
        self.groups.len() - 1
    }

    /// The page's data, with the names of the versions and of their files.
    pub(super) fn finish(self, versions: &[&str], files: &[String]) -> String {
        let list = |out: &mut String, items: &mut dyn Iterator<Item = &str>| {
            for (number, item) in items.enumerate() {
                out.push_str(if number > 0 { "," } else { "" });
                push_string(out, item);
            }
        };
        let mut out = String::with_capacity(self.json.len() + self.labels.len() + 1024);
        out.push_str("{\"versions\":[");
        list(&mut out, &mut versions.iter().copied());
        out.push_str("],\"files\":[");
        list(&mut out, &mut files.iter().map(String::as_str));
        out.push_str("],\"groups\":[");
        for (number, group) in self.groups.iter().enumerate() {
            out.push_str(if number > 0 { ",[" } else { "[" });
            let names = crate::delta::names_in(group);
            let indices = names.filter_map(|name| versions.iter().position(|one| *one == name));
            let indices: Vec<String> = indices.map(|index| index.to_string()).collect();
            out.push_str(&indices.join(","));
            out.push(']');
        }
        out.push_str("],\"changes\":[");
        for (number, change) in self.changes.iter().enumerate() {
            let flags = u8::from(change.is_conflict) + 2 * u8::from(change.is_blank);
            out.push_str(if number > 0 { "," } else { "" });
            write!(out, "[{},{flags}]", change.line).expect("writing to a string succeeds");
        }
        out.push_str("],\"labels\":[");
        out.push_str(&self.labels);
        out.push_str("],\"lines\":[\n");
        out.push_str(&self.json);
        out.push_str(if self.count > 0 { "]\n]}" } else { "]}" });
        out
    }
}

/// Appends a JSON string that cannot end a script element.
fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            // References that were kept.
            c if c == char::from(REFERENCE_START) => out.push_str("\\u0026"),
            c if c == char::from(REFERENCE_END) => out.push(';'),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' => {
                write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string succeeds");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
