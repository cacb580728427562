//! The attributes of a version's element: those that are on it, and those that a delta keeps in its first child.

use super::extractor::Extractor;
use crate::error::Error;
use crate::names::{Name, Text, XML_URI};
use crate::tree::Kind;

impl Extractor<'_> {
    pub(super) fn changed_attribute(&mut self, element: u32) -> Result<(), Error> {
        let Kind::Element(name) = self.tree.node(element).kind() else {
            return Ok(());
        };
        if !self.has(element) {
            return Ok(());
        }
        let value = self
            .tree
            .children(element)
            .find(|&value| self.word(value).is_some() && self.has(value));
        let value =
            value.ok_or_else(|| self.broken(element, "none of its values is the version's"))?;
        let text: String = self
            .tree
            .children(value)
            .map(|text| self.tree.text(text))
            .collect();
        let full = self.out.names.get(name);
        let name = if full.uri == self.words.plain {
            Name {
                prefix: Text::EMPTY,
                uri: Text::EMPTY,
                ..full
            }
        } else if full.uri == self.words.xml {
            let (prefix, uri) = (self.out.names.text("xml"), self.out.names.text(XML_URI));
            Name {
                prefix,
                uri,
                ..full
            }
        } else {
            // Its prefix may be declared for it alone.
            let uri = self.own_uri(full.uri).unwrap_or(full.uri);
            if self.out.names.lookup(self.out.scope, full.prefix) != uri {
                self.out.bind(full.prefix, uri);
            }
            full
        };
        let name = self.out.names.name(name);
        self.out.attribute(name, &text);
        Ok(())
    }
}
