//! Decides which elements may be matched: identifiers, keys and namespaces.

use crate::hashes::{Hashing, mix};
use crate::names::{Name, NameId, Names, StringId, XML_URI};
use crate::options::Whitespace;
use crate::tree::{Kind, Tree};

/// The settings and shared data of matching.
pub(crate) struct Matcher<'m> {
    pub(crate) hashing: &'m Hashing,
    /// Checked between steps; if it returns false, the work was stopped and a partial result suffices.
    pub(crate) keep_going: &'m dyn Fn() -> bool,
    pub(crate) names: &'m Names,
    pub(crate) whitespace: Whitespace,
    pub(crate) words: bool,
    /// Attributes that identify elements, most specific first.
    pub(crate) ids: [NameId; 4],
}

/// Returns the attributes that count as identifiers.
pub(crate) fn id_attributes(names: &mut Names) -> [NameId; 4] {
    let xml = names.intern("xml");
    let uri = names.intern(XML_URI);
    let [id, key, name] = ["id", "key", "name"].map(|one| names.intern(one));
    let plain = |local| Name {
        prefix: StringId::EMPTY,
        local,
        uri: StringId::EMPTY,
    };
    let xml_id = Name {
        prefix: xml,
        local: id,
        uri,
    };
    [xml_id, plain(id), plain(key), plain(name)].map(|one| names.intern_name(one))
}

impl Matcher<'_> {
    /// The hash of an element's key, or of its identifier attribute.
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

    /// Whether two elements have the same identity and may be matched.
    pub(super) fn have_same_identity(&self, x: (&Tree, u32), y: (&Tree, u32)) -> bool {
        let identity = self.identity(x.0, x.1);
        identity.is_some() && identity == self.identity(y.0, y.1) && self.may_pair(x, y)
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
