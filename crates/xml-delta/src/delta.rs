//! Reads a delta: the tree, and the names of the delta vocabulary.

use super::encoding::Source;
use super::entities::Entities;
use super::error::{Error, ErrorKind};
use super::names::{Names, StringId};
use super::options::{Limits, Whitespace};
use super::paths::Rules;
use super::progress::ProgressSink;
use super::prolog::{self, Misc};
use super::read::{self, ReadOptions};
use super::tree::{Kind, Tree};
use super::vocabulary;
use super::write::{self, Writer};

/// A delta can be this many times as long as its longest version, because it contains every version and the marks.
pub(super) const MAX_GROWTH: usize = 8;
/// A delta can have this many times the nodes, attributes and namespaces of its versions.
const NODE_GROWTH: usize = 4;
/// Text is nested in a group and an alternative; an attribute value in three elements.
const EXTRA_DEPTH: usize = 3;
/// Additional attributes and declarations on the root element.
const EXTRA_ATTRIBUTES: usize = 8;

/// Returns the limits of a delta whose versions keep the given limits.
pub(super) fn delta_limits(limits: &Limits) -> Limits {
    Limits {
        bytes: limits.bytes.saturating_mul(MAX_GROWTH),
        depth: limits.depth.saturating_add(EXTRA_DEPTH),
        nodes: limits.nodes.saturating_mul(NODE_GROWTH),
        attributes: limits
            .attributes
            .saturating_mul(NODE_GROWTH)
            .saturating_add(EXTRA_ATTRIBUTES),
        namespaces: limits
            .namespaces
            .saturating_mul(NODE_GROWTH)
            .saturating_add(EXTRA_ATTRIBUTES),
        ..limits.clone()
    }
}

/// A delta that was read.
pub(super) struct ParsedDelta {
    pub(super) tree: Tree,
    pub(super) names: Names,
    pub(super) delta_names: DeltaNames,
}

/// Reads a delta whose versions keep the given limits.
pub(super) fn read(
    source: Source,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<ParsedDelta, Error> {
    let (tree, mut names) = read_document(source, limits, sink)?;
    let words = DeltaNames::find(&tree, &mut names)?;
    Ok(ParsedDelta {
        tree,
        names,
        delta_names: words,
    })
}

/// Reads a document that may be a delta whose versions keep the given limits.
pub(super) fn read_document(
    source: Source,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<(Tree, Names), Error> {
    let mut names = Names::new();
    let reading = ReadOptions {
        input: 0,
        limits: &delta_limits(limits),
        sink,
        quote: false,
        rules: &Rules::default(),
        used_memory: 0,
        external_subset: None,
    };
    let tree = read::read(source, &mut names, &reading)?;
    Ok((tree, names))
}

/// Interned names of the delta vocabulary.
pub(super) struct DeltaNames {
    /// The namespace of the marks.
    pub(super) uri: StringId,
    pub(super) delta_v2: StringId,
    pub(super) position: StringId,
    pub(super) attributes: StringId,
    pub(super) text_group: StringId,
    pub(super) content_group: StringId,
    pub(super) plain: StringId,
    pub(super) xml: StringId,
}

impl DeltaNames {
    fn find(tree: &Tree, names: &mut Names) -> Result<Self, Error> {
        let marked = tree.attributes(0).iter().find_map(|attribute| {
            let name = names.get(attribute.name);
            let is_mark =
                names.str(name.local) == "deltaV2" && vocabulary::is_delta(names.str(name.uri));
            is_mark.then_some(name.uri)
        });
        let Some(uri) = marked else {
            let message =
                "The document is not a delta: its root element has no deltaxml:deltaV2 attribute.";
            return Err(Error::new(ErrorKind::NotADelta, message)
                .for_input(0)
                .at(&tree.source, tree.node(0).at()));
        };
        Ok(Self {
            uri,
            delta_v2: names.intern("deltaV2"),
            position: names.intern("original-position"),
            attributes: names.intern("attributes"),
            text_group: names.intern("textGroup"),
            content_group: names.intern("contentGroup"),
            plain: names.intern(vocabulary::UNPREFIXED_ATTRIBUTE),
            xml: names.intern(vocabulary::XML_ATTRIBUTE),
        })
    }

    /// The value of an attribute in the marks' namespace.
    pub(super) fn mark_attribute<'t>(
        &self,
        tree: &'t Tree,
        names: &Names,
        node: u32,
        local: StringId,
    ) -> Option<&'t str> {
        let found = tree.attributes(node).iter().find(|attribute| {
            let name = names.get(attribute.name);
            name.uri == self.uri && name.local == local
        });
        found.map(|attribute| tree.str(attribute.value))
    }

    /// The mark of a node: `deltaV2`.
    pub(super) fn mark<'t>(&self, tree: &'t Tree, names: &Names, node: u32) -> Option<&'t str> {
        self.mark_attribute(tree, names, node, self.delta_v2)
    }

    /// The local name of an element in the marks' namespace.
    pub(super) fn mark_element(&self, tree: &Tree, names: &Names, node: u32) -> Option<StringId> {
        let Kind::Element(name) = tree.node(node).kind() else {
            return None;
        };
        let name = names.get(name);
        (name.uri == self.uri).then_some(name.local)
    }
}

/// Comments, processing instructions and document types outside the root element that differ are kept in processing
/// instructions: `<?deltaxml-misc versions="A=B" data="..."?>`.
pub(super) struct MarkedMisc {
    /// The versions that have it, as in marks.
    pub(super) versions: String,
    pub(super) misc: Misc,
}

impl MarkedMisc {
    const TARGET: &str = "deltaxml-misc";

    /// Whether an item has the form of a marked one.
    pub(super) fn is_marked(misc: &Misc) -> bool {
        matches!(misc, Misc::Instruction(text) if text.split(' ').next() == Some(Self::TARGET))
    }

    /// The processing instruction that keeps an item.
    pub(super) fn mark(misc: &Misc, versions: &str) -> Misc {
        let mut writer = Writer::new(Names::new(), Whitespace::Exact);
        writer.misc(misc);
        let mut data = String::new();
        write::escape(&mut data, &writer.text, true);
        let target = Self::TARGET;
        Misc::Instruction(format!("{target} versions=\"{versions}\" data=\"{data}\""))
    }

    /// Reads the item that a processing instruction keeps; `None` if it is not a marked item, or an invalid one.
    pub(super) fn parse(misc: &Misc, limits: &Limits) -> Option<Self> {
        let Misc::Instruction(text) = misc else {
            return None;
        };
        let rest = text
            .strip_prefix(Self::TARGET)?
            .strip_prefix(" versions=\"")?;
        let (versions, rest) = rest.split_once("\" data=\"")?;
        let data = rest.strip_suffix('"')?;
        let mut markup = String::new();
        let entities = Entities::default();
        entities
            .attribute_value(data, 0, &mut markup, limits)
            .ok()?;
        let prolog = prolog::read(&markup, None, limits).ok()?;
        let mut items = prolog.misc;
        let misc = items
            .pop()
            .filter(|_| items.is_empty() && prolog.end == markup.len())?;
        Some(Self {
            versions: versions.to_owned(),
            misc,
        })
    }
}

/// Iterates over the versions in a mark.
pub(super) fn names_in(mark: &str) -> impl Iterator<Item = &str> {
    mark.split("!=").flat_map(|group| group.split('='))
}
