//! OneDrive's items and long-running actions.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::http::dialects::onedrive::wire::address::ROOT;

/// What a path may hold as it is.
pub(crate) const NOT_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An item.
pub(crate) struct Item<'a> {
    pub(crate) number: i64,
    pub(crate) name: &'a str,
    /// Its path, as it is in params.
    pub(crate) path: &'a str,
    pub(crate) facet: Facet,
    /// The number of the folder that it is in; none if that is the folder of all roots.
    pub(crate) parent: Option<i64>,
}

/// What an item is.
pub(crate) enum Facet {
    Folder { children: usize },
    File { size: u64, media_type: String },
}

/// An item as it is shown.
pub(crate) fn item(item: &Item<'_>) -> Value {
    let parent = item
        .parent
        .map_or_else(|| "root".to_owned(), |n| n.to_string());
    let path = match (item.parent, item.path.rsplit_once('/')) {
        (Some(_), Some((folder, _))) => folder,
        _ => "",
    };
    let path = format!("/{ROOT}:{}", utf8_percent_encode(path, NOT_PATH));
    let id = item.number.to_string();
    let mut shown = json!({ "id": id, "resourceId": id, "name": item.name });
    match &item.facet {
        Facet::Folder { children } => {
            shown["size"] = 0.into();
            shown["folder"] = json!({ "childCount": children });
        }
        Facet::File { size, media_type } => {
            shown["size"] = (*size).into();
            shown["file"] = json!({ "mimeType": media_type });
        }
    }
    shown["parentReference"] = json!({ "id": parent, "path": path });
    shown
}

/// The folder of all roots.
pub(crate) fn root(children: usize) -> Value {
    json!({
        "id": "root", "resourceId": "root", "name": "root", "size": 0, "folder": { "childCount": children },
        "root": {}, "parentReference": {},
    })
}

/// What is wrong; `code` is one of the native API's.
pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({ "code": error_code(code), "message": message })
}

/// What a param is called there.
pub(crate) fn word(param: &str) -> &str {
    match param {
        "uri" => "@microsoft.graph.sourceUrl",
        "to" => "parentReference",
        "from" => "item",
        other => other,
    }
}

/// The word for a native code, of problems and of jobs: its own where there is one, else the same in its casing.
pub(crate) fn error_code(code: &str) -> Cow<'_, str> {
    let known = match code {
        "not_found" | "source_not_found" | "target_not_found" | "no_result" => "itemNotFound",
        "name_exists" => "nameAlreadyExists",
        "storage_full" => "quotaLimitReached",
        "unauthorized" => "unauthenticated",
        "cross_site"
        | "prefetch"
        | "token_required_behind_proxy"
        | "not_allowed"
        | "target_unwritable" => "accessDenied",
        "queue_full"
        | "database_busy"
        | "storage_readonly"
        | "store_failed"
        | "too_many_connections" => "serviceNotAvailable",
        "malformed_request" | "malformed_json" | "invalid_params" | "invalid_query"
        | "method_not_allowed" => "invalidRequest",
        other => return in_camel_case(other).into(),
    };
    known.into()
}

pub(crate) fn in_camel_case(code: &str) -> String {
    let mut words = code.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_codes_are_camel_case() {
        assert_eq!(error_code("name_exists"), "nameAlreadyExists");
        assert_eq!(error_code("digest_mismatch"), "digestMismatch");
        assert_eq!(error_code("canceled"), "canceled");
    }
}
