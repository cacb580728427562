//! What may stand for what: identifiers, keys and namespaces of two elements.

use crate::hashes::{Hashing, mix};
use crate::names::{Name, NameId, Names, Text, XML_URI};
use crate::options::Whitespace;
use crate::tree::{Kind, Tree};

/// How parts are matched.
pub(crate) struct Matching<'m> {
    pub(crate) hashing: &'m Hashing,
    /// Asked between steps; when it says no, what is matched so far is enough, for nobody wants it.
    pub(crate) keep_going: &'m dyn Fn() -> bool,
    pub(crate) names: &'m Names,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    /// Attributes that name what they are on, most telling first.
    pub(crate) ids: [NameId; 4],
}

/// The attributes that are taken for identifiers.
pub(crate) fn ids(names: &mut Names) -> [NameId; 4] {
    let xml = names.text("xml");
    let uri = names.text(XML_URI);
    let [id, key, name] = ["id", "key", "name"].map(|one| names.text(one));
    let plain = |local| Name {
        prefix: Text::EMPTY,
        local,
        uri: Text::EMPTY,
    };
    let xml_id = Name {
        prefix: xml,
        local: id,
        uri,
    };
    [xml_id, plain(id), plain(key), plain(name)].map(|one| names.name(one))
}

impl Matching<'_> {
    /// What an element is called by: its key, or an attribute that looks like one.
    pub(super) fn identity(&self, tree: &Tree, node: u32) -> Option<u64> {
        let Kind::Element(name) = tree.node(node).kind() else {
            return None;
        };
        if let Some(&key) = tree.keys.get(&node) {
            return Some(
                self.hashing
                    .pair(mix(u64::MAX, name.0.into()), tree.str(key)),
            );
        }
        let attributes = tree.attributes(node);
        let id = self
            .ids
            .iter()
            .find_map(|id| attributes.iter().find(|one| one.name == *id))?;
        Some(
            self.hashing
                .pair(mix(id.name.0.into(), name.0.into()), tree.str(id.value)),
        )
    }

    /// Whether two elements have the same identity, and can stand for each other.
    pub(super) fn are_namesakes(&self, x: (&Tree, u32), y: (&Tree, u32)) -> bool {
        let identity = self.identity(x.0, x.1);
        identity.is_some() && identity == self.identity(y.0, y.1) && self.may_pair(x, y)
    }

    /// Whether two nodes can stand for each other at all.
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
        // An attribute's prefix means one thing on one element.
        let clashes = |(tree, node): (&Tree, u32)| {
            tree.attributes(node).iter().any(|attribute| {
                let prefix = self.names.get(attribute.name).prefix;
                prefix != Text::EMPTY && self.names.differs(prefix, one.scope, other.scope)
            })
        };
        one.scope == other.scope || !(clashes(x) || clashes(y))
    }
}
