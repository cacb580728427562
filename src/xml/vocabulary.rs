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

/// What follows a namespace of the vocabulary where a document uses it for itself: a delta of deltas.
pub(crate) const QUOTED: &str = "#quoted";

/// Whether a namespace is one of the vocabulary's, quoted or not.
pub(crate) fn is_vocabulary(uri: &str) -> bool {
    let mut uri = uri;
    while let Some(shorter) = uri.strip_suffix(QUOTED) {
        uri = shorter;
    }
    [DELTA, DELTA_SHORT, PLAIN, XML].contains(&uri)
}

/// What a namespace was in its own document.
pub(crate) fn unquoted(uri: &str) -> &str {
    match uri.strip_suffix(QUOTED) {
        Some(own) if is_vocabulary(own) => own,
        _ => uri,
    }
}

/// Whether a namespace is that of the marks.
pub(crate) fn is_delta(uri: &str) -> bool {
    uri == DELTA || uri == DELTA_SHORT
}

/// What an attribute of a document is in the vocabulary, if it is one of the marks' own.
pub(crate) fn quoted_mark(names: &Names, attribute: NameId) -> Option<&str> {
    let name = names.get(attribute);
    let uri = names.str(name.uri).strip_suffix(QUOTED)?;
    is_delta(uri).then(|| names.str(name.local))
}
