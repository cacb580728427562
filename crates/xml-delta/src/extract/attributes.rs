//! Restores the attributes of an element: those in the start tag, and those in the `attributes` child.

use std::borrow::Cow;

use super::extractor::Extractor;
use crate::error::Error;
use crate::names::{Name, NameId, StringId, XML_URI};
use crate::tree::Kind;

impl<'t> Extractor<'t> {
    /// The attributes of an element in the version.
    pub(super) fn attributes(&mut self, node: u32) -> Result<Vec<(NameId, Cow<'t, str>)>, Error> {
        let tree = self.tree;
        let mut attributes = Vec::new();
        for attribute in tree.attributes(node) {
            let full = self.out.names.get(attribute.name);
            if full.uri != self.delta_names.uri {
                let name = self.name(node, attribute.name, true);
                attributes.push((name, tree.str(attribute.value).into()));
            }
        }
        let container = tree
            .children(node)
            .find(|&child| self.mark_element(child) == Some(self.delta_names.attributes));
        let changed = container.into_iter().flat_map(|one| tree.children(one));
        for element in changed {
            attributes.extend(self.changed_attribute(element)?);
        }
        Ok(attributes)
    }

    /// The attribute that an element of the `attributes` container represents, if the version has it.
    fn changed_attribute(&mut self, element: u32) -> Result<Option<(NameId, Cow<'t, str>)>, Error> {
        let Kind::Element(name) = self.tree.node(element).kind() else {
            return Ok(None);
        };
        if !self.includes(element) {
            return Ok(None);
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
            self.out.names.intern_name(Name {
                prefix: StringId::EMPTY,
                uri: StringId::EMPTY,
                ..full
            })
        } else if full.uri == self.delta_names.xml {
            let (prefix, uri) = (self.out.names.intern("xml"), self.out.names.intern(XML_URI));
            self.out.names.intern_name(Name {
                prefix,
                uri,
                ..full
            })
        } else {
            self.name(element, name, true)
        };
        Ok(Some((name, text.into())))
    }
}
