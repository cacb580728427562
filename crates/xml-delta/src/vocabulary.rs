//! The names of the delta format, and quoting of documents that use these names themselves.

use super::names::{NameId, Names};

/// The namespace of marks.
pub(crate) const DELTA: &str = "http://www.deltaxml.com/ns/well-formed-delta-v1";
/// The same namespace as some documents write it.
pub(crate) const DELTA_SHORT: &str = "http://deltaxml.com/ns/well-formed-delta-v1";
/// Elements that represent attributes without a namespace.
pub(crate) const UNPREFIXED_ATTRIBUTE: &str = "http://www.deltaxml.com/ns/non-namespaced-attribute";
/// Elements that represent attributes with the prefix `xml`.
pub(crate) const XML_ATTRIBUTE: &str = "http://www.deltaxml.com/ns/xml-namespaced-attribute";

/// Suffixes of quoted namespaces, in a delta of deltas. The result is a valid URI even if quoted repeatedly.
const QUOTED: [&str; 2] = ["#quoted", "-quoted"];

/// The quoted form of a namespace.
pub(crate) fn quoted(uri: &str) -> String {
    let [first, more] = QUOTED;
    format!("{uri}{}", if uri.contains('#') { more } else { first })
}

/// The original of a quoted namespace; `None` if it is not quoted.
pub(crate) fn unquoted(uri: &str) -> Option<&str> {
    let own = QUOTED.iter().find_map(|suffix| uri.strip_suffix(suffix))?;
    is_vocabulary(own).then_some(own)
}

/// Whether a namespace belongs to the vocabulary, quoted or not.
pub(crate) fn is_vocabulary(uri: &str) -> bool {
    let mut uri = uri;
    while let Some(own) = QUOTED.iter().find_map(|suffix| uri.strip_suffix(suffix)) {
        uri = own;
    }
    [DELTA, DELTA_SHORT, UNPREFIXED_ATTRIBUTE, XML_ATTRIBUTE].contains(&uri)
}

/// Whether a namespace is that of marks.
pub(crate) fn is_delta(uri: &str) -> bool {
    uri == DELTA || uri == DELTA_SHORT
}

/// The local name of an attribute in the quoted marks' namespace.
pub(crate) fn quoted_mark(names: &Names, attribute: NameId) -> Option<&str> {
    let name = names.get(attribute);
    let uri = unquoted(names.str(name.uri))?;
    is_delta(uri).then(|| names.str(name.local))
}
