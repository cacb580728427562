//! A start tag on its way into the tree: its namespaces, its attributes, and what is said of how to compare it.

use super::parser::{Open, Parser};
use crate::attributes::{self, Written};
use crate::error::Fault;
use crate::names::{NameId, Scope};
use crate::tree::{Attribute, Place, Span};
use crate::vocabulary;

impl<'a> Parser<'a, '_> {
    pub(super) fn element(
        &mut self,
        qualified: &'a str,
        written: &[Written<'a>],
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
        if !self.reading.rules.is_empty() {
            self.ask_rules(qualified, first, &mut key, &mut orderless);
        }
        attributes::refuse_twins(&self.tree.attributes[first..], self.names, at)?;
        self.may_go_on(at)?;
        let place = Place {
            at,
            scope,
            is_preserved: preserved,
        };
        let node = self.tree.push_element(name, &place, first);
        if let Some(key) = key {
            self.tree.keys.insert(node, key);
        }
        if orderless {
            self.tree.orderless.insert(node);
        }
        self.open.push(Open {
            node,
            name: qualified,
            scope,
            preserved,
        });
        Ok(())
    }

    /// Finds out what the options say of an element whose attributes begin at `first`.
    fn ask_rules(
        &self,
        qualified: &str,
        first: usize,
        key: &mut Option<Span>,
        orderless: &mut bool,
    ) {
        let rules = self.reading.rules;
        let depth = self.open.len() + 1;
        let names = std::iter::once(qualified).chain(self.open.iter().rev().map(|open| open.name));
        *orderless |= rules.is_orderless(depth, &names);
        if let Some(attribute) = rules.key(depth, &names) {
            let mut written = String::new();
            let found = self.tree.attributes[first..].iter().find(|one| {
                written.clear();
                self.names.write(&mut written, one.name);
                written == attribute
            });
            *key = key.or(found.map(|one| one.value));
        }
    }

    /// Whether it says that it is a delta's root: then what is in it says nothing of how to compare.
    fn is_marked(&mut self, written: &[Written<'a>], scope: Scope) -> Result<bool, Fault> {
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
        written: &[Written<'a>],
    ) -> Result<Scope, Fault> {
        if !written.iter().any(Written::is_declaration) {
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
            let binding = (self.names.text(prefix), self.names.text(&uri));
            if declared.iter().any(|(one, _)| *one == binding.0) {
                return Err(Fault::new(
                    one.at,
                    format!("{} is declared twice.", one.name),
                ));
            }
            declared.push(binding);
        }
        let scope = self.names.scope(outer, &declared);
        let limit = self.reading.limits.namespaces;
        if self.names.declarations(scope) > limit {
            let message =
                format!("More than {limit} namespaces are declared inside of each other.");
            return Err(Fault::over(written[0].at, message));
        }
        Ok(scope)
    }

    /// The name that a prefix and a local part stand for here.
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

    /// The value of an attribute, normalised.
    fn value(&mut self, element: &str, one: &Written<'a>) -> Result<Span, Fault> {
        let is_plain = one.is_plain && !self.dtd.is_tokenized(element, one.name);
        if let Some(place) = one.place.filter(|_| is_plain) {
            return Ok(Span {
                start: place as u32,
                len: one.value.len() as u32,
            });
        }
        let value = self.normalised(element, one)?;
        Ok(self.put(&value))
    }

    fn normalised(&self, element: &str, one: &Written<'a>) -> Result<String, Fault> {
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
