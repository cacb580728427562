//! A delta that is read: a tree, and what the names of the vocabulary in it are.

use super::encoding::Source;
use super::error::{Error, ErrorKind};
use super::names::{Names, Text};
use super::options::Limits;
use super::paths::Rules;
use super::progress::ProgressSink;
use super::read::{self, Reading};
use super::tree::{Kind, Tree};
use super::vocabulary;

/// A delta may be so many times as long as a document: it has all of every version, and marks, which are much where white
/// space differs everywhere.
pub(super) const LONGER: usize = 8;
/// Of everything else, so many times as much.
const FULLER: usize = 4;
/// A text is inside of a group and an alternative; the value of an attribute of three elements.
const DEEPER: usize = 3;
/// The prefixes and facts on the root.
const FACTS: usize = 8;

/// What a delta may have of documents that have no more than this.
pub(super) fn of_delta(limits: &Limits) -> Limits {
    Limits {
        bytes: limits.bytes.saturating_mul(LONGER),
        depth: limits.depth.saturating_add(DEEPER),
        nodes: limits.nodes.saturating_mul(FULLER),
        attributes: limits
            .attributes
            .saturating_mul(FULLER)
            .saturating_add(FACTS),
        namespaces: limits
            .namespaces
            .saturating_mul(FULLER)
            .saturating_add(FACTS),
        ..limits.clone()
    }
}

/// A delta.
pub(super) struct Marked {
    pub(super) tree: Tree,
    pub(super) names: Names,
    pub(super) words: Words,
}

/// Reads a delta of documents with these limits.
pub(super) fn read(
    source: Source,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<Marked, Error> {
    let (tree, mut names) = document(source, limits, sink)?;
    let words = Words::find(&tree, &mut names)?;
    Ok(Marked { tree, names, words })
}

/// Reads a document that may be a delta of documents with these limits.
pub(super) fn document(
    source: Source,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<(Tree, Names), Error> {
    let mut names = Names::new();
    let reading = Reading {
        input: 0,
        limits: &of_delta(limits),
        sink,
        quote: false,
        rules: &Rules::default(),
    };
    let tree = read::read(source, &mut names, &reading)?;
    Ok((tree, names))
}

/// The names of the vocabulary in a delta.
pub(super) struct Words {
    /// The namespace of its marks.
    pub(super) uri: Text,
    pub(super) delta_v2: Text,
    pub(super) position: Text,
    pub(super) attributes: Text,
    pub(super) text_group: Text,
    pub(super) content_group: Text,
    pub(super) plain: Text,
    pub(super) xml: Text,
}

impl Words {
    fn find(tree: &Tree, names: &mut Names) -> Result<Self, Error> {
        let marked = tree.attributes(0).iter().find_map(|attribute| {
            let name = names.get(attribute.name);
            let is_mark =
                names.str(name.local) == "deltaV2" && vocabulary::is_delta(names.str(name.uri));
            is_mark.then_some(name.uri)
        });
        let Some(uri) = marked else {
            let message =
                "The root element has no deltaxml:deltaV2, so this is no delta of whole versions.";
            return Err(Error::new(ErrorKind::NotADelta, message)
                .of_input(0)
                .at(&tree.source, tree.node(0).at()));
        };
        Ok(Self {
            uri,
            delta_v2: names.text("deltaV2"),
            position: names.text("original-position"),
            attributes: names.text("attributes"),
            text_group: names.text("textGroup"),
            content_group: names.text("contentGroup"),
            plain: names.text(vocabulary::PLAIN),
            xml: names.text(vocabulary::XML),
        })
    }

    /// The value of an attribute of the marks' own.
    pub(super) fn marked<'t>(
        &self,
        tree: &'t Tree,
        names: &Names,
        node: u32,
        local: Text,
    ) -> Option<&'t str> {
        let found = tree.attributes(node).iter().find(|attribute| {
            let name = names.get(attribute.name);
            name.uri == self.uri && name.local == local
        });
        found.map(|attribute| tree.str(attribute.value))
    }

    /// Who has a node, as it says itself.
    pub(super) fn mark<'t>(&self, tree: &'t Tree, names: &Names, node: u32) -> Option<&'t str> {
        self.marked(tree, names, node, self.delta_v2)
    }

    /// The local name of an element of the marks' own.
    pub(super) fn of(&self, tree: &Tree, names: &Names, node: u32) -> Option<Text> {
        let Kind::Element(name) = tree.node(node).kind() else {
            return None;
        };
        let name = names.get(name);
        (name.uri == self.uri).then_some(name.local)
    }
}

/// The versions that a mark names.
pub(super) fn names_in(mark: &str) -> impl Iterator<Item = &str> {
    mark.split("!=").flat_map(|group| group.split('='))
}
