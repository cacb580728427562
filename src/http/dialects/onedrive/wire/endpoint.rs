//! Items and errors in OneDrive's format.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::http::dialects::onedrive::wire::address::ROOT_PATH;

/// The bytes that are percent-encoded in a path.
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
    /// The path, in the same form as in params.
    pub(crate) path: &'a str,
    pub(crate) facet: Facet,
    /// The number of the parent folder; `None` if that is the folder of all roots.
    pub(crate) parent: Option<i64>,
}

/// The kind of an item.
pub(crate) enum Facet {
    Folder { children: usize },
    File { size: u64, media_type: String },
}

/// An item as JSON.
pub(crate) fn item(item: &Item<'_>) -> Value {
    let parent = item
        .parent
        .map_or_else(|| "root".to_owned(), |n| n.to_string());
    let path = match (item.parent, item.path.rsplit_once('/')) {
        (Some(_), Some((folder, _))) => folder,
        _ => "",
    };
    let path = format!("/{ROOT_PATH}:{}", utf8_percent_encode(path, NOT_PATH));
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

/// The folder of all roots as JSON.
pub(crate) fn root(children: usize) -> Value {
    json!({
        "id": "root", "resourceId": "root", "name": "root", "size": 0, "folder": { "childCount": children },
        "root": {}, "parentReference": {},
    })
}

/// An error as JSON. `code` is a code of the native API.
pub(crate) fn error(code: &str, message: &str) -> Value {
    json!({ "code": error_code(code), "message": message })
}

/// OneDrive's name for a param.
pub(crate) fn field_name(param: &str) -> &str {
    match param {
        "uri" => "@microsoft.graph.sourceUrl",
        "to" => "parentReference",
        "from" => "item",
        other => other,
    }
}

/// OneDrive's code for a code of the native API: its own if it has one, else the same in camel case.
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
        other => return to_camel_case(other).into(),
    };
    known.into()
}

fn to_camel_case(code: &str) -> String {
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
