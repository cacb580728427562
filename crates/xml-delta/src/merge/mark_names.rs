//! The prefixes and names of the delta vocabulary in one document.

use super::marks::{Mask, VersionNames};
use crate::names::Names;
use crate::vocabulary;

/// The element names of a group of alternatives and of one alternative.
pub(super) struct Alternation {
    pub(super) group: String,
    pub(super) one: String,
}

/// The names that marks use.
pub(super) struct MarkNames {
    /// The prefix of marks.
    pub(super) delta: String,
    /// The prefix of elements that represent attributes without a namespace.
    pub(super) unprefixed: String,
    /// The prefix of elements that represent attributes with the prefix `xml`.
    pub(super) xml: String,
    pub(super) versions: VersionNames,
    pub(super) text: Alternation,
    pub(super) content: Alternation,
    pub(super) attributes: String,
    pub(super) attribute_value: String,
    /// The start of a mark: ` deltaxml:deltaV2="`.
    mark: String,
}

impl MarkNames {
    /// Chooses free prefixes. If the documents' own declarations of the vocabulary are dropped, their prefixes are
    /// free.
    pub(super) fn new(names: &Names, labels: Vec<String>, is_dropped: bool) -> Self {
        let is_taken = |prefix: &str| {
            names.has_binding(|one, uri| {
                one == prefix && !(is_dropped && vocabulary::unquoted(uri).is_some())
            })
        };
        let [delta, plain, xml] =
            ["deltaxml", "dxa", "dxx"].map(|wanted| free_prefix(wanted, is_taken));
        let of = |local: &str| format!("{delta}:{local}");
        Self {
            text: Alternation {
                group: of("textGroup"),
                one: of("text"),
            },
            content: Alternation {
                group: of("contentGroup"),
                one: of("content"),
            },
            attributes: of("attributes"),
            attribute_value: of("attributeValue"),
            mark: format!(" {delta}:deltaV2=\""),
            versions: VersionNames(labels),
            delta,
            unprefixed: plain,
            xml,
        }
    }

    /// Appends ` deltaxml:deltaV2="a=b!=c"`.
    pub(super) fn mark(&self, out: &mut String, groups: impl IntoIterator<Item = Mask>) {
        out.push_str(&self.mark);
        self.versions.push(out, groups);
        out.push('"');
    }

    /// Appends the start tag of an element of the vocabulary.
    pub(super) fn start(
        &self,
        out: &mut String,
        name: &str,
        groups: impl IntoIterator<Item = Mask>,
    ) {
        out.push('<');
        out.push_str(name);
        self.mark(out, groups);
        out.push('>');
    }

    /// The namespace declarations.
    pub(super) fn declarations(&self) -> String {
        let bindings = [
            (&self.delta, vocabulary::DELTA),
            (&self.unprefixed, vocabulary::UNPREFIXED_ATTRIBUTE),
            (&self.xml, vocabulary::XML_ATTRIBUTE),
        ];
        let written = bindings.map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{uri}\""));
        written.concat()
    }
}

/// Appends an end tag.
pub(super) fn end(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// The wanted prefix, numbered if a document declares it already.
fn free_prefix(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|n| format!("{wanted}{n}"));
    let mut all = std::iter::once(wanted.to_owned()).chain(numbered);
    all.find(|prefix| !is_taken(prefix))
        .expect("the sequence is infinite")
}
