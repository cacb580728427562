//! Restores names and namespaces of a version: removes the delta vocabulary and unquotes quoted namespaces.

use super::extractor::Extractor;
use crate::names::{Name, NameId, Scope, StringId, XML_URI};
use crate::prefixes::Usage;
use crate::vocabulary;

impl Extractor<'_> {
    /// The name of an element or attribute in the version.
    pub(super) fn name(&mut self, node: u32, name: NameId, is_attribute: bool) -> NameId {
        if let Some(own) = self.root_name.filter(|_| node == 0 && !is_attribute) {
            return own;
        }
        let full = self.out.names.get(name);
        let uri = self.unquoted_uri(full.uri).unwrap_or(full.uri);
        let usage = Usage { uri, is_attribute };
        let root = if node == 0 && !is_attribute {
            self.root_prefix()
        } else {
            None
        };
        let own = self.prefixes.get(&usage).copied();
        let prefix = root.or(own).unwrap_or(full.prefix);
        let is_in_namespace = !(is_attribute && uri == StringId::EMPTY);
        let original = self.namespaces.get(&uri).filter(|_| is_in_namespace);
        let uri = original.copied().unwrap_or(uri);
        self.out.names.intern_name(Name {
            prefix,
            uri,
            ..full
        })
    }

    /// The root element's prefix in the version, if the delta has it.
    fn root_prefix(&mut self) -> Option<StringId> {
        let prefixes = self.delta_attribute(0, "root-prefix")?;
        let own = prefixes.split(", ").find_map(|pair| {
            let (version, prefix) = pair.rsplit_once('=')?;
            (version == self.version).then(|| prefix.to_owned())
        })?;
        Some(self.out.names.intern(&own))
    }

    /// A scope that also binds the prefixes of these names.
    pub(super) fn scope_with(&mut self, scope: Scope, used: impl Iterator<Item = NameId>) -> Scope {
        let names = &mut self.out.names;
        let mut missing = Vec::new();
        for name in used {
            let Name { prefix, uri, .. } = names.get(name);
            let is_declared = uri == StringId::EMPTY || names.lookup(scope, prefix) == uri;
            if !is_declared && names.str(uri) != XML_URI && !missing.contains(&(prefix, uri)) {
                missing.push((prefix, uri));
            }
        }
        names.scope(scope, &missing)
    }

    /// The scope of the version's own root element: without a default namespace that the element is not in.
    pub(super) fn root_scope(&mut self, scope: Scope, root: NameId) -> Scope {
        let name = self.out.names.get(root);
        if name.prefix != StringId::EMPTY || name.uri != StringId::EMPTY {
            return scope;
        }
        let mut bindings = self.out.names.bindings(scope);
        bindings.retain(|(prefix, _)| *prefix != StringId::EMPTY);
        self.out.names.scope(Scope::NONE, &bindings)
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
    fn own_uri(&mut self, uri: StringId) -> Option<StringId> {
        let uri = self.unquoted_uri(uri)?;
        Some(self.namespaces.get(&uri).copied().unwrap_or(uri))
    }

    /// The namespace with which the delta was written; `None` for the delta's own vocabulary.
    fn unquoted_uri(&mut self, uri: StringId) -> Option<StringId> {
        let text = self.out.names.str(uri);
        if !vocabulary::is_vocabulary(text) {
            return Some(uri);
        }
        let own = vocabulary::unquoted(text)?.to_owned();
        Some(self.out.names.intern(&own))
    }
}
