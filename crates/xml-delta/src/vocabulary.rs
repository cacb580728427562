//! The names of the delta format, and what becomes of them in documents that hold some already.

use super::names::{NameId, Names};

/// Marks.
pub(crate) const DELTA: &str = "http://www.deltaxml.com/ns/well-formed-delta-v1";
/// Marks, as some write it.
pub(crate) const DELTA_SHORT: &str = "http://deltaxml.com/ns/well-formed-delta-v1";
/// Elements named as attributes without a namespace.
pub(crate) const PLAIN: &str = "http://www.deltaxml.com/ns/non-namespaced-attribute";
/// Elements named as attributes with the prefix `xml`.
pub(crate) const XML: &str = "http://www.deltaxml.com/ns/xml-namespaced-attribute";

/// What follows a namespace of the vocabulary where a document uses it for itself: a delta of deltas. With all that may
/// follow it is a URI still, for some readers look.
const QUOTED: [&str; 2] = ["#quoted", "-quoted"];

/// A namespace as it is written where a document uses it for itself.
pub(crate) fn quoted(uri: &str) -> String {
    let [first, more] = QUOTED;
    format!("{uri}{}", if uri.contains('#') { more } else { first })
}

/// What a quoted namespace was in its own document; none for what is not quoted.
pub(crate) fn unquoted(uri: &str) -> Option<&str> {
    let own = QUOTED.iter().find_map(|suffix| uri.strip_suffix(suffix))?;
    is_vocabulary(own).then_some(own)
}

/// Whether a namespace is one of the vocabulary's, quoted or not.
pub(crate) fn is_vocabulary(uri: &str) -> bool {
    let mut uri = uri;
    while let Some(own) = QUOTED.iter().find_map(|suffix| uri.strip_suffix(suffix)) {
        uri = own;
    }
    [DELTA, DELTA_SHORT, PLAIN, XML].contains(&uri)
}

/// Whether a namespace is that of the marks.
pub(crate) fn is_delta(uri: &str) -> bool {
    uri == DELTA || uri == DELTA_SHORT
}

/// What an attribute of a document is in the vocabulary, if it is one of the marks' own.
pub(crate) fn quoted_mark(names: &Names, attribute: NameId) -> Option<&str> {
    let name = names.get(attribute);
    let uri = unquoted(names.str(name.uri))?;
    is_delta(uri).then(|| names.str(name.local))
}
