//! Decides which elements may be matched: identifiers, keys and namespaces.

use std::cell::RefCell;

use hashbrown::HashMap;

use super::sketch::SketchCache;
use crate::hashes::{Hashing, mix};
use crate::names::{NameId, Names, StringId, XML_URI};
use crate::options::Whitespace;
use crate::tree::{Attribute, Kind, Tree};

/// The settings and shared data of matching.
pub(crate) struct Matcher<'m> {
    pub(crate) hashing: &'m Hashing,
    /// Checked between steps; if it returns false, the work was stopped and a partial result suffices.
    pub(crate) keep_going: &'m dyn Fn() -> bool,
    pub(crate) names: &'m Names,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    pub(crate) ids: &'m IdAttributes,
    pub(crate) sketches: &'m RefCell<SketchCache>,
}

/// Attributes that identify elements, by name, with a rank: the lowest counts.
#[derive(Debug)]
pub(crate) struct IdAttributes(HashMap<NameId, usize>);

/// Local names of attributes that identify elements, most specific first.
const ID_NAMES: [&str; 3] = ["id", "key", "name"];

impl IdAttributes {
    /// Finds the identifying attributes among all names: `xml:id` first, and prefixed attributes last.
    pub(crate) fn new(names: &Names, are_used: bool) -> Self {
        if !are_used {
            return Self(HashMap::new());
        }
        let ranked = names.all().filter_map(|(id, name)| {
            let local = names.str(name.local);
            let rank = ID_NAMES.iter().position(|one| *one == local)?;
            let is_xml = names.str(name.uri) == XML_URI;
            let class = usize::from(name.uri != StringId::EMPTY);
            let rank = 1 + 2 * rank + class;
            Some((id, if is_xml && local == "id" { 0 } else { rank }))
        });
        Self(ranked.collect())
    }

    /// The identifying attribute of an element.
    fn find<'t>(&self, attributes: &'t [Attribute]) -> Option<&'t Attribute> {
        let ranked = attributes
            .iter()
            .filter_map(|one| Some((*self.0.get(&one.name)?, one)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, one)| one)
    }
}

impl Matcher<'_> {
    /// The hash of an element's key, or of its identifying attribute.
    pub(super) fn identity(&self, tree: &Tree, node: u32) -> Option<u64> {
        let Kind::Element(name) = tree.node(node).kind() else {
            return None;
        };
        let name = u64::from(name.0);
        if let Some(&key) = tree.keys.get(&node) {
            return Some(self.hashing.pair(mix(u64::MAX, name), tree.str(key)));
        }
        let id = self.ids.find(tree.attributes(node))?;
        let attribute = u64::from(id.name.0);
        Some(self.hashing.pair(mix(attribute, name), tree.str(id.value)))
    }

    /// The hash of an element without its identifying attribute, if it has one: equal for elements that were
    /// renumbered.
    pub(super) fn content_key(&self, tree: &Tree, node: u32) -> Option<u64> {
        let Kind::Element(name) = tree.node(node).kind() else {
            return None;
        };
        let attributes = tree.attributes(node);
        let id = self.ids.find(attributes)?.name;
        let mut sum = 0_u64;
        for one in attributes.iter().filter(|one| one.name != id) {
            let value = self.hashing.str(tree.str(one.value));
            sum = sum.wrapping_add(mix(u64::from(one.name.0), value));
        }
        let own = mix(mix(u64::from(id.0), u64::from(name.0)), sum);
        let children = tree.children(node);
        Some(children.fold(own, |hash, child| mix(hash, tree.exact[child as usize])))
    }

    /// Whether two elements have the same identity and may be matched.
    pub(super) fn have_same_identity(&self, x: (&Tree, u32), y: (&Tree, u32)) -> bool {
        let identity = self.identity(x.0, x.1);
        identity.is_some() && identity == self.identity(y.0, y.1) && self.may_pair(x, y)
    }

    /// Whether two versions added the same node: equal except for white space, or with the same identity.
    pub(crate) fn is_same_addition(&self, x: (&Tree, u32), y: (&Tree, u32)) -> bool {
        x.0.loose(x.1) == y.0.loose(y.1) || self.have_same_identity(x, y)
    }

    /// Whether two nodes may be matched at all.
    pub(crate) fn may_pair(&self, x: (&Tree, u32), y: (&Tree, u32)) -> bool {
        let (one, other) = (x.0.node(x.1), y.0.node(y.1));
        if one.kind() != other.kind() {
            return false;
        }
        let key = |(tree, node): (&Tree, u32)| {
            tree.keys
                .get(&node)
                .map(|&key| self.hashing.str(tree.str(key)))
        };
        if key(x) != key(y) {
            return false;
        }
        // An element can bind a prefix of its attributes only once.
        let clashes = |(tree, node): (&Tree, u32)| {
            tree.attributes(node).iter().any(|attribute| {
                let prefix = self.names.get(attribute.name).prefix;
                prefix != StringId::EMPTY
                    && self.names.binds_differently(prefix, one.scope, other.scope)
            })
        };
        one.scope == other.scope || !(clashes(x) || clashes(y))
    }
}
