//! Writes markup: names, escaped text and namespace declarations.

use super::chars::is_blank;
use super::entities::{REFERENCE_END, REFERENCE_START};
use super::hashes::collapse;
use super::names::{Binding, NameId, Names, Scope};
use super::options::Whitespace;
use super::prolog::Misc;
use super::tree::{Kind, Span, Tree};
use super::vocabulary;

/// A document being written.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) text: String,
    /// The namespace scope of the current position.
    pub(crate) scope: Scope,
    pub(crate) names: Names,
    whitespace: Whitespace,
    pub(crate) quoting: Quoting,
    scratch: String,
}

/// How to write the documents' own declarations of the vocabulary's namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Quoted, because the output contains marks.
    Quoted,
    /// Omitted, because only comparison directives used them.
    Dropped,
    /// Unquoted, because the output contains no marks.
    Unquoted,
}

/// An element that is being copied.
struct Open {
    node: u32,
    end: u32,
    name: NameId,
    outer: Scope,
}

impl Writer {
    pub(crate) fn new(names: Names, whitespace: Whitespace) -> Self {
        Self {
            text: String::new(),
            scope: Scope::NONE,
            names,
            whitespace,
            quoting: Quoting::Quoted,
            scratch: String::new(),
        }
    }

    pub(crate) fn raw(&mut self, markup: &str) {
        self.text.push_str(markup);
    }

    /// A comment or a processing instruction outside the root element.
    pub(crate) fn misc(&mut self, aside: &Misc) {
        match aside {
            Misc::Comment(text) => self.comment(text),
            Misc::Instruction(text) => self.instruction(text),
            Misc::Doctype(text) => self.text.push_str(text),
        }
    }

    fn comment(&mut self, text: &str) {
        self.text.push_str("<!--");
        self.text.push_str(text);
        self.text.push_str("-->");
    }

    fn instruction(&mut self, text: &str) {
        self.text.push_str("<?");
        self.text.push_str(text);
        self.text.push_str("?>");
    }

    /// Writes text content.
    pub(crate) fn content(&mut self, text: &str) {
        escape(&mut self.text, text, false);
    }

    pub(crate) fn attribute(&mut self, name: NameId, value: &str) {
        self.text.push(' ');
        self.names.write(&mut self.text, name);
        self.text.push_str("=\"");
        escape(&mut self.text, value, true);
        self.text.push('"');
    }

    pub(crate) fn name(&mut self, name: NameId) {
        self.names.write(&mut self.text, name);
    }

    /// Declares the namespaces of a scope as needed here.
    pub(crate) fn enter(&mut self, scope: Scope) {
        if scope != self.scope {
            let step = self.names.step(self.scope, scope);
            self.declare(&step.declared);
            self.scope = step.scope;
        }
    }

    /// Adds the declarations of a scope that do not contradict the current one.
    pub(crate) fn enter_beside(&mut self, scope: Scope) {
        if scope != self.scope {
            let step = self.names.step_beside(self.scope, scope);
            self.declare(&step.declared);
            self.scope = step.scope;
        }
    }

    fn declare(&mut self, declared: &[Binding]) {
        for &(prefix, uri) in declared {
            let own = vocabulary::unquoted(self.names.str(uri));
            let uri = match (own, self.quoting) {
                (Some(_), Quoting::Dropped) => continue,
                (Some(own), Quoting::Unquoted) => own,
                _ => self.names.str(uri),
            };
            self.text.push_str(" xmlns");
            let prefix = self.names.str(prefix);
            if !prefix.is_empty() {
                self.text.push(':');
                self.text.push_str(prefix);
            }
            self.text.push_str("=\"");
            escape(&mut self.text, uri, true);
            self.text.push('"');
        }
    }

    /// Writes an end tag and returns to the outer scope.
    pub(crate) fn close(&mut self, name: NameId, outer: Scope) {
        self.text.push_str("</");
        self.names.write(&mut self.text, name);
        self.text.push('>');
        self.scope = outer;
    }

    /// Writes a text of a tree.
    pub(crate) fn span(&mut self, tree: &Tree, span: Span) {
        self.content(tree.str(span));
    }

    /// Writes a node of a tree.
    pub(crate) fn node(&mut self, tree: &Tree, node: u32) {
        match tree.node(node).kind() {
            Kind::Comment => self.comment(tree.text(node)),
            Kind::Instruction => self.instruction(tree.text(node)),
            Kind::Text => self.span(tree, tree.span(node)),
            Kind::Element(_) => self.copy(tree, node, ""),
        }
    }

    /// Writes an element with its content; `marks` are additional attributes.
    pub(crate) fn copy(&mut self, tree: &Tree, node: u32, marks: &str) {
        let mut open: Vec<Open> = Vec::new();
        let last = tree.node(node).end;
        let mut number = node;
        while number < last {
            let one = tree.node(number);
            match one.kind() {
                Kind::Text => self.copied_text(tree, number, open.last()),
                Kind::Element(name) => {
                    let outer = self.scope;
                    self.start(tree, number, name, if number == node { marks } else { "" });
                    if one.end == number + 1 {
                        self.text.push_str("/>");
                        self.scope = outer;
                    } else {
                        self.text.push('>');
                        let end = one.end;
                        open.push(Open {
                            node: number,
                            end,
                            name,
                            outer,
                        });
                    }
                }
                _ => self.node(tree, number),
            }
            number += 1;
            while let Some(ended) = open.pop_if(|open| open.end == number) {
                self.close(ended.name, ended.outer);
            }
        }
    }

    /// Writes an element without its content.
    pub(crate) fn empty_element(&mut self, tree: &Tree, node: u32, marks: &str) {
        if let Kind::Element(name) = tree.node(node).kind() {
            let outer = self.scope;
            self.start(tree, node, name, marks);
            self.text.push_str("/>");
            self.scope = outer;
        }
    }

    /// Writes a start tag without its `>`; `marks` are additional attributes.
    pub(crate) fn start(&mut self, tree: &Tree, node: u32, name: NameId, marks: &str) {
        self.text.push('<');
        self.names.write(&mut self.text, name);
        self.enter(tree.node(node).scope);
        self.text.push_str(marks);
        for attribute in tree.attributes(node) {
            self.attribute(attribute.name, tree.str(attribute.value));
        }
    }

    fn copied_text(&mut self, tree: &Tree, number: u32, parent: Option<&Open>) {
        let node = tree.node(number);
        let text = tree.text(number);
        if self.whitespace != Whitespace::Ignore || node.is_preserved() {
            escape(&mut self.text, text, false);
            return;
        }
        let Some(parent) = parent else { return };
        if is_blank(text) && !tree.node(parent.node).is_mixed() {
            return;
        }
        let ends = (number == parent.node + 1, node.end == parent.end);
        self.scratch.clear();
        collapse(text, ends, &mut self.scratch);
        escape(&mut self.text, &self.scratch, false);
    }
}

/// Appends text, escaping markup and characters that parsers would normalize.
pub(crate) fn escape(out: &mut String, text: &str, in_attribute: bool) {
    let is_special = |b: u8| match b {
        b'&' | b'<' | b'>' | b'\r' | REFERENCE_START | REFERENCE_END => true,
        b'"' | b'\n' | b'\t' => in_attribute,
        _ => false,
    };
    let mut done = 0;
    for (at, byte) in text.bytes().enumerate().filter(|&(_, b)| is_special(b)) {
        out.push_str(&text[done..at]);
        out.push_str(match byte {
            b'&' => "&amp;",
            REFERENCE_START => "&",
            REFERENCE_END => ";",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            b'\r' => "&#13;",
            b'\n' => "&#10;",
            _ => "&#9;",
        });
        done = at + 1;
    }
    out.push_str(&text[done..]);
}
