//! A document as flat arrays in document order.

use std::ops::Range;

use hashbrown::{HashMap, HashSet};

use super::names::{NameId, Scope};
use super::prolog::Misc;
use super::sparse::SparseMap;

/// A slice of a tree's text: of the source or, past its end, of the expanded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// The kind of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Element(NameId),
    Text,
    Comment,
    Instruction,
}

/// Flag: white space is preserved.
const PRESERVED: u32 = 1 << 31;
/// Flag: the element contains text besides white space.
const MIXED: u32 = 1 << 30;
/// Offsets use 30 bits, so the source must be shorter than this.
pub(crate) const MAX_SOURCE_BYTES: usize = 1 << 30;

/// A node as stored; there may be millions.
#[derive(Debug, Clone, Copy)]
struct PackedNode {
    /// The index of its kind and scope.
    shape: u32,
    /// For an element, the number of the first node after its subtree; otherwise the length of the text.
    extent: u32,
    /// The offset in the source, and flags.
    at: u32,
}

/// A node; its descendants are the nodes up to `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    kind: Kind,
    pub(crate) scope: Scope,
    /// The number of the first node after the subtree.
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
    /// The index of the document among the inputs.
    pub(crate) index: usize,
    pub(crate) source: String,
    /// Text that differs from the source: expanded references and joined pieces.
    pub(crate) expanded_text: String,
    nodes: Vec<PackedNode>,
    shapes: Vec<(Kind, Scope)>,
    shape_ids: HashMap<(Kind, Scope), u32>,
    pub(crate) attributes: Vec<Attribute>,
    /// For each element with attributes, the index of the first.
    first_attributes: SparseMap<u32>,
    /// The start of a text that does not begin at its node's offset.
    text_starts: SparseMap<u32>,
    /// For each subtree, a hash of its exact content.
    pub(crate) exact: Vec<u64>,
    /// For each subtree, a hash that ignores insignificant white space, where it differs from the exact hash.
    pub(crate) loose: SparseMap<u64>,
    /// Text or attributes contain references to entities whose declarations were not read.
    pub(crate) has_references: bool,
    /// What is before and after the root element.
    pub(crate) prolog: Vec<Misc>,
    pub(crate) epilog: Vec<Misc>,
    /// Keys by element: elements match only if their keys are equal.
    pub(crate) keys: HashMap<u32, Span>,
    /// Elements whose children are unordered.
    pub(crate) unordered: HashSet<u32>,
    /// Elements and attributes (by index) whose changes are ignored.
    pub(crate) ignored: HashSet<u32>,
    pub(crate) ignored_attributes: HashSet<u32>,
    /// Hashes that replace those of texts and attributes (by index), because they count as equal to others.
    pub(crate) equal_texts: HashMap<u32, u64>,
    pub(crate) equal_attributes: HashMap<u32, u64>,
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

    /// The offset in the source.
    pub(crate) fn at(&self) -> usize {
        (self.at & !(PRESERVED | MIXED)) as usize
    }

    /// Whether `xml:space` is `preserve`.
    pub(crate) fn is_preserved(&self) -> bool {
        self.at & PRESERVED != 0
    }

    /// Whether the element contains text besides white space.
    pub(crate) fn is_mixed(&self) -> bool {
        self.at & MIXED != 0
    }
}

/// Building a tree.
impl Tree {
    /// An empty tree with its prolog.
    pub(crate) fn new(prolog: Vec<Misc>) -> Self {
        Self {
            prolog,
            ..Self::default()
        }
    }

    /// Adds an element with the attributes from `first` on.
    pub(crate) fn push_element(&mut self, name: NameId, place: &NodeContext, first: usize) -> u32 {
        let number = self.push(Kind::Element(name), place, 0);
        if first < self.attributes.len() {
            self.first_attributes.push(number, first as u32);
        }
        number
    }

    /// Ends an element after the last node.
    pub(crate) fn close(&mut self, element: u32) {
        self.nodes[element as usize].extent = self.nodes.len() as u32;
    }

    /// Adds a text, comment or processing instruction.
    pub(crate) fn push_text(&mut self, kind: Kind, text: Span, place: &NodeContext) -> u32 {
        let number = self.push(kind, place, text.len);
        if text.start as usize != place.at {
            self.text_starts.push(number, text.start);
        }
        number
    }

    fn push(&mut self, kind: Kind, place: &NodeContext, extent: u32) -> u32 {
        let shape = (kind, place.scope);
        let next = self.shapes.len() as u32;
        let shape = *self.shape_ids.entry(shape).or_insert_with(|| {
            self.shapes.push(shape);
            next
        });
        let flag = if place.is_preserved { PRESERVED } else { 0 };
        self.nodes.push(PackedNode {
            shape,
            extent,
            at: place.at as u32 | flag,
        });
        self.nodes.len() as u32 - 1
    }

    /// Sets the flag for text besides white space.
    pub(crate) fn set_mixed(&mut self, element: u32) {
        self.nodes[element as usize].at |= MIXED;
    }
}

/// The context of a node.
pub(crate) struct NodeContext {
    /// The offset in the source, below [`MAX_SOURCE_BYTES`].
    pub(crate) at: usize,
    pub(crate) scope: Scope,
    /// White space is preserved.
    pub(crate) is_preserved: bool,
}

impl Tree {
    pub(crate) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.expanded_text[start..start + len],
        }
    }

    /// The approximate memory in bytes.
    pub(crate) fn memory(&self) -> usize {
        let texts = self.source.capacity() + self.expanded_text.capacity();
        let nodes = self.nodes.capacity() * size_of::<PackedNode>();
        let attributes = self.attributes.capacity() * size_of::<Attribute>();
        let sparse =
            self.first_attributes.memory() + self.text_starts.memory() + self.loose.memory();
        let hashes = self.exact.capacity() * size_of::<u64>();
        texts + nodes + attributes + sparse + hashes
    }

    /// The number of nodes.
    pub(crate) fn len(&self) -> u32 {
        self.nodes.len() as u32
    }

    /// The distinct kinds of nodes.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        self.shapes.iter().map(|(kind, _)| *kind)
    }

    /// The scopes of nodes.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.shapes.iter().map(|(_, scope)| *scope)
    }

    /// The distinct kinds and scopes of nodes, to be changed for all nodes at once.
    pub(crate) fn shapes_mut(&mut self) -> &mut [(Kind, Scope)] {
        &mut self.shapes
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

    /// The span of a text, comment or processing instruction.
    pub(crate) fn span(&self, number: u32) -> Span {
        let node = self.nodes[number as usize];
        let at = node.at & !(PRESERVED | MIXED);
        Span {
            start: self.text_starts.get(number).unwrap_or(at),
            len: node.extent,
        }
    }

    /// The text of a text, comment or processing instruction.
    pub(crate) fn text(&self, node: u32) -> &str {
        self.str(self.span(node))
    }

    /// The attributes of an element, in document order; empty for other nodes.
    pub(crate) fn attributes(&self, node: u32) -> &[Attribute] {
        &self.attributes[self.attribute_range(node)]
    }

    /// The indices of an element's attributes.
    pub(crate) fn attribute_range(&self, node: u32) -> Range<usize> {
        let Some((first, next)) = self.first_attributes.get_with_next(node) else {
            return 0..0;
        };
        first as usize..next.map_or(self.attributes.len(), |next| next as usize)
    }

    /// Whether differences are ignored somewhere.
    pub(crate) fn has_ignored(&self) -> bool {
        !self.ignored.is_empty() || !self.ignored_attributes.is_empty()
    }

    /// Renames the root element.
    pub(crate) fn rename_root(&mut self, name: NameId) {
        let (_, scope) = self.shapes[self.nodes[0].shape as usize];
        self.shapes.push((Kind::Element(name), scope));
        self.nodes[0].shape = self.shapes.len() as u32 - 1;
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

    /// The approximate size in bytes of a subtree.
    pub(crate) fn size(&self, node: u32) -> usize {
        let one = self.node(node);
        let end = if one.end < self.len() {
            self.node(one.end).at()
        } else {
            self.source.len()
        };
        // All nodes from one entity reference have the same offset.
        end.saturating_sub(one.at()).max((one.end - node) as usize)
    }
}

/// Iterates over the children of an element.
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
