//! The vocabulary as one document writes it: under prefixes that no version uses, with the names of its versions.

use super::marks::{Labels, Mask};
use crate::names::Names;
use crate::vocabulary;

/// The names of elements that hold alternatives, and of each of these.
pub(super) struct Alternation {
    pub(super) group: String,
    pub(super) one: String,
}

/// What marks are made of.
pub(super) struct Tags {
    /// The prefix of marks.
    pub(super) delta: String,
    /// The prefix of what stands for attributes without a namespace.
    pub(super) plain: String,
    /// The prefix of what stands for attributes with the prefix `xml`.
    pub(super) xml: String,
    pub(super) labels: Labels,
    pub(super) text: Alternation,
    pub(super) content: Alternation,
    pub(super) attributes: String,
    pub(super) attribute_value: String,
    /// What begins a mark: ` deltaxml:deltaV2="`.
    mark: String,
}

impl Tags {
    /// For versions of these names; where the documents' own declarations of the vocabulary are dropped, their prefixes are
    /// free.
    pub(super) fn new(names: &Names, labels: Vec<String>, is_dropped: bool) -> Self {
        let is_taken = |prefix: &str| {
            names.binds(|one, uri| {
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
            labels: Labels(labels),
            delta,
            plain,
            xml,
        }
    }

    /// Appends ` deltaxml:deltaV2="a=b!=c"`.
    pub(super) fn mark(&self, out: &mut String, groups: impl IntoIterator<Item = Mask>) {
        out.push_str(&self.mark);
        self.labels.push(out, groups);
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

    /// The declarations of the prefixes.
    pub(super) fn declarations(&self) -> String {
        let bindings = [
            (&self.delta, vocabulary::DELTA),
            (&self.plain, vocabulary::PLAIN),
            (&self.xml, vocabulary::XML),
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

/// The prefix itself, or one like it that no document declares.
fn free_prefix(wanted: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (1..).map(|n| format!("{wanted}{n}"));
    let mut all = std::iter::once(wanted.to_owned()).chain(numbered);
    all.find(|prefix| !is_taken(prefix))
        .expect("there are more numbers than declarations")
}
