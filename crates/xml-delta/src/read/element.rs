//! Parses start tags: namespaces, attributes and comparison directives.

use super::parser::{Open, Parser};
use crate::attributes::{self, RawAttribute};
use crate::error::Fault;
use crate::names::{NameId, Scope};
use crate::tree::{Attribute, NodeContext, Span};
use crate::vocabulary;

impl<'a> Parser<'a, '_> {
    pub(super) fn element(
        &mut self,
        qualified: &'a str,
        written: &[RawAttribute<'a>],
        at: usize,
    ) -> Result<(), Fault> {
        let outer = self.open.last();
        let mut preserved = outer.is_some_and(|open| open.preserved);
        let outer = outer.map_or(Scope::NONE, |open| open.scope);
        let scope = self.declare(qualified, outer, written)?;
        let name = self.resolve(qualified, scope, true, at)?;
        if self.open.is_empty() {
            self.is_delta = self.is_marked(written, scope)?;
        }
        let first = self.tree.attributes.len();
        let mut key = None;
        let mut orderless = false;
        let mut ignored_attributes = Vec::new();
        for one in written.iter().filter(|one| !one.is_declaration()) {
            let attribute = self.resolve(one.name, scope, false, one.at)?;
            let value = self.value(qualified, one)?;
            match vocabulary::quoted_mark(self.names, attribute) {
                Some("key") if !self.is_delta => key = Some(value),
                Some("ordered") if !self.is_delta => orderless = self.str(value) == "false",
                _ => {
                    let full = self.names.get(attribute);
                    if full.local == self.xml_space && full.uri == self.xml_uri {
                        preserved = self.str(value) == "preserve";
                    }
                    self.tree.attributes.push(Attribute {
                        name: attribute,
                        value,
                    });
                }
            }
        }
        let rules = self.reading.rules;
        let mut key_rule = None;
        let mut is_ignored = false;
        if !rules.is_empty() {
            let depth = self.open.len() + 1;
            let open = self.open.iter().rev().map(|open| open.name);
            let names = std::iter::once(qualified).chain(open);
            orderless |= rules.is_unordered(depth, &names);
            key_rule = rules.key(depth, &names).filter(|_| key.is_none());
            for attribute in rules.ignored(depth, names) {
                match attribute {
                    Some(attribute) => ignored_attributes.push(attribute),
                    None => is_ignored = true,
                }
            }
            self.ignore_attributes(first, &ignored_attributes);
        }
        attributes::check_duplicates(&self.tree.attributes[first..], self.names, at)?;
        self.check_node_limit(at)?;
        let place = NodeContext {
            at,
            scope,
            is_preserved: preserved,
        };
        let node = self.tree.push_element(name, &place, first);
        if let Some(key) = key {
            self.tree.keys.insert(node, key);
        }
        if let Some(rule) = key_rule {
            self.keyed.push((node, rule));
        }
        if orderless {
            self.tree.unordered.insert(node);
        }
        if is_ignored {
            self.tree.ignored.insert(node);
        }
        self.open.push(Open {
            node,
            name: qualified,
            scope,
            preserved,
        });
        Ok(())
    }

    /// Notes which of the attributes from `first` on are ignored.
    fn ignore_attributes(&mut self, first: usize, ignored: &[&str]) {
        let mut written = String::new();
        for at in (first..self.tree.attributes.len()).filter(|_| !ignored.is_empty()) {
            written.clear();
            self.names
                .write(&mut written, self.tree.attributes[at].name);
            if ignored.contains(&written.as_str()) {
                self.tree.ignored_attributes.insert(at as u32);
            }
        }
    }

    /// Whether the root has a delta mark; then `key` and `ordered` in it are content and not directives.
    fn is_marked(&mut self, written: &[RawAttribute<'a>], scope: Scope) -> Result<bool, Fault> {
        for one in written.iter().filter(|one| one.name.ends_with(":deltaV2")) {
            let attribute = self.resolve(one.name, scope, false, one.at)?;
            if vocabulary::quoted_mark(self.names, attribute).is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn declare(
        &mut self,
        element: &str,
        outer: Scope,
        written: &[RawAttribute<'a>],
    ) -> Result<Scope, Fault> {
        if !written.iter().any(RawAttribute::is_declaration) {
            return Ok(outer);
        }
        let mut declared = Vec::new();
        for one in written.iter().filter(|one| one.is_declaration()) {
            let mut uri = self.normalised(element, one)?;
            let prefix = one.name.strip_prefix("xmlns:").unwrap_or_default();
            attributes::check_declaration(one, prefix, &uri)?;
            if self.reading.quote && vocabulary::is_vocabulary(&uri) {
                uri = vocabulary::quoted(&uri);
            }
            let binding = (self.names.intern(prefix), self.names.intern(&uri));
            if declared.iter().any(|(one, _)| *one == binding.0) {
                return Err(Fault::new(
                    one.at,
                    format!("Duplicate namespace declaration {}.", one.name),
                ));
            }
            declared.push(binding);
        }
        let scope = self.names.scope(outer, &declared);
        let limit = self.reading.limits.namespaces;
        if self.names.declarations(scope) > limit {
            let message = format!("More than {limit} namespace declarations are in scope.");
            return Err(Fault::over_limit(written[0].at, message));
        }
        Ok(scope)
    }

    /// Resolves a qualified name, with a cache.
    fn resolve(
        &mut self,
        qualified: &'a str,
        scope: Scope,
        is_element: bool,
        at: usize,
    ) -> Result<NameId, Fault> {
        if let Some(&name) = self.known.get(&(scope, is_element, qualified)) {
            return Ok(name);
        }
        let name = attributes::resolve(self.names, qualified, scope, is_element, at)?;
        self.known.insert((scope, is_element, qualified), name);
        Ok(name)
    }

    /// The normalized value of an attribute.
    fn value(&mut self, element: &str, one: &RawAttribute<'a>) -> Result<Span, Fault> {
        let is_plain = one.is_literal && !self.dtd.is_tokenized(element, one.name);
        if let Some(place) = one.source_offset.filter(|_| is_plain) {
            return Ok(Span {
                start: place as u32,
                len: one.value.len() as u32,
            });
        }
        let value = self.normalised(element, one)?;
        Ok(self.store(&value))
    }

    fn normalised(&self, element: &str, one: &RawAttribute<'a>) -> Result<String, Fault> {
        let mut value = String::new();
        let entities = &self.dtd.entities;
        entities.attribute_value(one.value, one.at, &mut value, self.reading.limits)?;
        if self.dtd.is_tokenized(element, one.name) {
            let tokens = value.split(' ').filter(|token| !token.is_empty());
            value = tokens.collect::<Vec<_>>().join(" ");
        }
        Ok(value)
    }
}
