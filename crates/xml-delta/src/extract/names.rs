//! Restores names and namespaces of a version: removes the delta vocabulary and unquotes quoted namespaces.

use super::extractor::Extractor;
use crate::names::{NameId, Scope, StringId};
use crate::tree::Kind;
use crate::vocabulary;

impl Extractor<'_> {
    /// The qualified name of an element in the version. Only the root's prefix can differ from the delta.
    pub(super) fn name(&self, node: u32, name: NameId) -> String {
        let mut written = String::new();
        self.out.names.write(&mut written, name);
        let prefixes = if node == 0 {
            self.delta_attribute(0, "root-prefix")
        } else {
            None
        };
        let own = prefixes
            .into_iter()
            .flat_map(|all| all.split(", "))
            .find_map(|pair| {
                let (version, prefix) = pair.rsplit_once('=')?;
                (version == self.version).then_some(prefix)
            });
        match own {
            None => written,
            Some("") => self
                .out
                .names
                .str(self.out.names.get(name).local)
                .to_owned(),
            Some(prefix) => format!(
                "{prefix}:{}",
                self.out.names.str(self.out.names.get(name).local)
            ),
        }
    }

    /// Declares the root's prefix unless it is declared already.
    pub(super) fn root_prefix(&mut self, written: &str) {
        let Kind::Element(name) = self.tree.node(0).kind() else {
            return;
        };
        let uri = self.out.names.get(name).uri;
        let prefix = written.split_once(':').map_or("", |(prefix, _)| prefix);
        let prefix = self.out.names.intern(prefix);
        if self.out.names.lookup(self.out.scope, prefix) != uri {
            self.out.bind(prefix, uri);
        }
    }

    /// The scope of an element in the version, without the delta vocabulary and with quoted namespaces unquoted.
    pub(super) fn scope(&mut self, scope: Scope) -> Scope {
        if let Some(own) = self.scopes.get(&scope) {
            return *own;
        }
        let bindings = self.out.names.bindings(scope);
        let mut own = Vec::new();
        for (prefix, uri) in bindings {
            own.extend(self.own_uri(uri).map(|uri| (prefix, uri)));
        }
        let own = self.out.names.scope(Scope::NONE, &own);
        self.scopes.insert(scope, own);
        own
    }

    /// The namespace in the version; `None` for the delta's own vocabulary.
    pub(super) fn own_uri(&mut self, uri: StringId) -> Option<StringId> {
        let text = self.out.names.str(uri);
        if !vocabulary::is_vocabulary(text) {
            return Some(uri);
        }
        let own = vocabulary::unquoted(text)?.to_owned();
        Some(self.out.names.intern(&own))
    }
}
