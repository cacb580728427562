//! A document as flat arrays, in document order.

use hashbrown::HashMap;

use super::names::{NameId, Scope};
use super::prolog::Aside;
use super::sparse::Sparse;

/// A piece of a tree's text: of the source, or, past its end, of what had to be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Element(NameId),
    Text,
    Comment,
    Instruction,
}

/// White space is preserved.
const PRESERVED: u32 = 1 << 31;
/// There is text besides white space.
const MIXED: u32 = 1 << 30;
/// Where something may be in a source: more than this many bytes have no place.
pub(crate) const PLACES: usize = 1 << 30;

/// One node, as it is kept: there may be millions.
#[derive(Debug, Clone, Copy)]
struct Packed {
    /// What it is and the scope that it is in, by their number among all that there are.
    shape: u32,
    /// Of an element, the number of the first node after it and all that is in it; of anything else, the length of its
    /// text.
    extent: u32,
    /// Where it begins in the source, and flags.
    at: u32,
}

/// One node; its children are between it and `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    kind: Kind,
    pub(crate) scope: Scope,
    /// The number of the first node after it and all that is in it.
    pub(crate) end: u32,
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
    nodes: Vec<Packed>,
    shapes: Vec<(Kind, Scope)>,
    shape_ids: HashMap<(Kind, Scope), u32>,
    pub(crate) attributes: Vec<Attribute>,
    /// Of each element that has attributes, the first.
    attributed: Sparse<u32>,
    /// Where a text begins that does not begin where its node does.
    aside: Sparse<u32>,
    /// Of each subtree: equal for equal content.
    pub(crate) exact: Vec<u64>,
    /// Of each subtree: equal for content that is equal but for white space; where it is not the same as the other.
    pub(crate) loose: Sparse<u64>,
    /// Whether there is a document type declaration.
    pub(crate) has_doctype: bool,
    /// What is before and after the root element.
    pub(crate) before: Vec<Aside>,
    pub(crate) after: Vec<Aside>,
    /// Values of keys, by element: only elements with equal keys may be matched.
    pub(crate) keys: HashMap<u32, Span>,
    /// Elements whose children are in no order.
    pub(crate) orderless: hashbrown::HashSet<u32>,
}

impl Node {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn is_element(&self) -> bool {
        matches!(self.kind, Kind::Element(_))
    }

    pub(crate) fn is_text(&self) -> bool {
        self.kind == Kind::Text
    }

    /// Where it begins in the source.
    pub(crate) fn at(&self) -> usize {
        (self.at & !(PRESERVED | MIXED)) as usize
    }

    /// Whether `xml:space` says that its white space matters.
    pub(crate) fn is_preserved(&self) -> bool {
        self.at & PRESERVED != 0
    }

    /// Whether the element has text besides white space, which makes its white space matter too.
    pub(crate) fn is_mixed(&self) -> bool {
        self.at & MIXED != 0
    }
}

/// A document that is put together.
impl Tree {
    /// Nothing but what is before the root element.
    pub(crate) fn new(has_doctype: bool, before: Vec<Aside>) -> Self {
        Self {
            has_doctype,
            before,
            ..Self::default()
        }
    }

    /// Adds an element with the attributes from `first` on; its end is not known yet.
    pub(crate) fn push_element(&mut self, name: NameId, place: &Place, first: usize) -> u32 {
        let number = self.push(Kind::Element(name), place, 0);
        if first < self.attributes.len() {
            self.attributed.push(number, first as u32);
        }
        number
    }

    /// Ends an element after the last node that there is.
    pub(crate) fn close(&mut self, element: u32) {
        self.nodes[element as usize].extent = self.nodes.len() as u32;
    }

    /// Adds what is no element.
    pub(crate) fn push_text(&mut self, kind: Kind, text: Span, place: &Place) -> u32 {
        let number = self.push(kind, place, text.len);
        if text.start as usize != place.at {
            self.aside.push(number, text.start);
        }
        number
    }

    fn push(&mut self, kind: Kind, place: &Place, extent: u32) -> u32 {
        let shape = (kind, place.scope);
        let next = self.shapes.len() as u32;
        let shape = *self.shape_ids.entry(shape).or_insert_with(|| {
            self.shapes.push(shape);
            next
        });
        let flag = if place.is_preserved { PRESERVED } else { 0 };
        self.nodes.push(Packed {
            shape,
            extent,
            at: place.at as u32 | flag,
        });
        self.nodes.len() as u32 - 1
    }

    /// Notes that an element has text besides white space.
    pub(crate) fn set_mixed(&mut self, element: u32) {
        self.nodes[element as usize].at |= MIXED;
    }
}

/// Where a node is.
pub(crate) struct Place {
    /// In the source, below [`PLACES`].
    pub(crate) at: usize,
    pub(crate) scope: Scope,
    /// White space is preserved there.
    pub(crate) is_preserved: bool,
}

impl Tree {
    pub(crate) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.side[start..start + len],
        }
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// What nodes there are, and in which scopes.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.shapes.iter().map(|(kind, _)| *kind)
    }

    pub(crate) fn node(&self, number: u32) -> Node {
        let node = self.nodes[number as usize];
        let (kind, scope) = self.shapes[node.shape as usize];
        let is_element = matches!(kind, Kind::Element(_));
        Node {
            kind,
            scope,
            end: if is_element { node.extent } else { number + 1 },
            at: node.at,
        }
    }

    /// The text of what is not an element, as a piece of the tree's.
    pub(crate) fn span(&self, number: u32) -> Span {
        let node = self.nodes[number as usize];
        let at = node.at & !(PRESERVED | MIXED);
        Span {
            start: self.aside.get(number).unwrap_or(at),
            len: node.extent,
        }
    }

    /// The text of what is not an element.
    pub(crate) fn text(&self, node: u32) -> &str {
        self.str(self.span(node))
    }

    /// The attributes of an element, as they were written; of anything else none.
    pub(crate) fn attributes(&self, node: u32) -> &[Attribute] {
        let Some((first, next)) = self.attributed.pair(node) else {
            return &[];
        };
        let end = next.map_or(self.attributes.len(), |next| next as usize);
        &self.attributes[first as usize..end]
    }

    /// The loose hash of a subtree.
    pub(crate) fn loose(&self, node: u32) -> u64 {
        self.loose.get(node).unwrap_or(self.exact[node as usize])
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
        let end = if one.end < self.len() {
            self.node(one.end).at()
        } else {
            self.source.len()
        };
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
