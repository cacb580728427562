//! Restores the attributes of an element: those in the start tag, and those in the `attributes` child.

use super::extractor::Extractor;
use crate::error::Error;
use crate::names::{Name, StringId, XML_URI};
use crate::tree::Kind;

impl Extractor<'_> {
    pub(super) fn changed_attribute(&mut self, element: u32) -> Result<(), Error> {
        let Kind::Element(name) = self.tree.node(element).kind() else {
            return Ok(());
        };
        if !self.includes(element) {
            return Ok(());
        }
        let value = self
            .tree
            .children(element)
            .find(|&value| self.mark_element(value).is_some() && self.includes(value));
        let value =
            value.ok_or_else(|| self.invalid_mark(element, "no value belongs to the version"))?;
        let text: String = self
            .tree
            .children(value)
            .map(|text| self.tree.text(text))
            .collect();
        let full = self.out.names.get(name);
        let name = if full.uri == self.delta_names.plain {
            Name {
                prefix: StringId::EMPTY,
                uri: StringId::EMPTY,
                ..full
            }
        } else if full.uri == self.delta_names.xml {
            let (prefix, uri) = (self.out.names.intern("xml"), self.out.names.intern(XML_URI));
            Name {
                prefix,
                uri,
                ..full
            }
        } else {
            // The prefix can be declared on the attribute's element only.
            let uri = self.own_uri(full.uri).unwrap_or(full.uri);
            if self.out.names.lookup(self.out.scope, full.prefix) != uri {
                self.out.bind(full.prefix, uri);
            }
            full
        };
        let name = self.out.names.intern_name(name);
        self.out.attribute(name, &text);
        Ok(())
    }
}
