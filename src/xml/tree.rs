//! A document as flat arrays, in document order.

use super::names::{NameId, Scope};
use super::prolog::Aside;

/// A piece of a tree's text: of the source, or, past its end, of what had to be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Element(NameId),
    Text,
    Comment,
    Instruction,
}

const TEXT: u32 = u32::MAX;
const COMMENT: u32 = u32::MAX - 1;
const INSTRUCTION: u32 = u32::MAX - 2;
const FLAG: u32 = 1 << 31;

/// One node; its children are between it and `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    name: u32,
    /// The number of the first node after it and all that is in it.
    pub(crate) end: u32,
    /// Of an element, the number of its first attribute; else where its text starts.
    start: u32,
    /// How many attributes, or bytes of text; of an element, flagged when it has text besides white space.
    len: u32,
    pub(crate) scope: Scope,
    /// Where it begins in the source; flagged where white space is preserved.
    at: u32,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attribute {
    pub(crate) name: NameId,
    pub(crate) value: Span,
}

/// A document.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) source: String,
    /// Text that is not in the source as it is: with references, or in pieces.
    pub(crate) side: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) attributes: Vec<Attribute>,
    /// Of each subtree: equal for equal content.
    pub(crate) exact: Vec<u64>,
    /// Of each subtree: equal for content that is equal but for white space.
    pub(crate) loose: Vec<u64>,
    /// Whether there is a document type declaration.
    pub(crate) has_doctype: bool,
    /// What is before and after the root element.
    pub(crate) before: Vec<Aside>,
    pub(crate) after: Vec<Aside>,
    /// Values of keys, by element: only elements with equal keys may be matched.
    pub(crate) keys: hashbrown::HashMap<u32, Span>,
    /// Elements whose children are in no order.
    pub(crate) orderless: hashbrown::HashSet<u32>,
}

impl Node {
    pub(crate) fn new(kind: Kind, content: Span, scope: Scope, at: usize, preserved: bool) -> Self {
        let name = match kind {
            Kind::Element(name) => name.0,
            Kind::Text => TEXT,
            Kind::Comment => COMMENT,
            Kind::Instruction => INSTRUCTION,
        };
        Self {
            name,
            end: 0,
            start: content.start,
            len: content.len,
            scope,
            at: at as u32 | if preserved { FLAG } else { 0 },
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.name {
            TEXT => Kind::Text,
            COMMENT => Kind::Comment,
            INSTRUCTION => Kind::Instruction,
            name => Kind::Element(NameId(name)),
        }
    }

    pub(crate) fn is_element(&self) -> bool {
        self.name < INSTRUCTION
    }

    pub(crate) fn is_text(&self) -> bool {
        self.name == TEXT
    }

    /// The text of what is not an element.
    pub(crate) fn span(&self) -> Span {
        Span {
            start: self.start,
            len: self.len,
        }
    }

    pub(crate) fn at(&self) -> usize {
        (self.at & !FLAG) as usize
    }

    /// Whether `xml:space` says that its white space matters.
    pub(crate) fn is_preserved(&self) -> bool {
        self.at & FLAG != 0
    }

    /// Whether the element has text besides white space, which makes its white space matter too.
    pub(crate) fn is_mixed(&self) -> bool {
        self.len & FLAG != 0
    }

    pub(crate) fn set_mixed(&mut self) {
        self.len |= FLAG;
    }
}

impl Tree {
    pub(crate) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.side[start..start + len],
        }
    }

    pub(crate) fn node(&self, node: u32) -> &Node {
        &self.nodes[node as usize]
    }

    /// The text of what is not an element.
    pub(crate) fn text(&self, node: u32) -> &str {
        self.str(self.node(node).span())
    }

    /// The attributes of an element, as they were written; of anything else none.
    pub(crate) fn attributes(&self, node: u32) -> &[Attribute] {
        let node = self.node(node);
        if !node.is_element() {
            return &[];
        }
        let start = node.start as usize;
        &self.attributes[start..start + (node.len & !FLAG) as usize]
    }

    pub(crate) fn children(&self, node: u32) -> Children<'_> {
        Children {
            tree: self,
            next: node + 1,
            end: self.node(node).end,
        }
    }

    /// About how many bytes of the source a subtree is.
    pub(crate) fn size(&self, node: u32) -> usize {
        let one = self.node(node);
        let end = self
            .nodes
            .get(one.end as usize)
            .map_or(self.source.len(), Node::at);
        // Nodes that came out of one reference all begin there.
        end.saturating_sub(one.at()).max((one.end - node) as usize)
    }
}

/// The children of an element.
pub(crate) struct Children<'t> {
    tree: &'t Tree,
    next: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let node = self.next;
        (node < self.end).then(|| {
            self.next = self.tree.node(node).end;
            node
        })
    }
}
