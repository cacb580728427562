//! The request bodies of OneDrive's actions.

use serde::Deserialize;
use serde_json::Value;

use crate::http::dialects::onedrive::wire::address::{Address, address_of_id, split_address};

/// The longest name of an item, in characters.
const MAX_NAME_CHARS: usize = 255;
/// The query parameter or member that decides what happens if the name is taken.
const CONFLICT: &str = "@microsoft.graph.conflictBehavior";
/// The name of the same in older clients.
const OLD_CONFLICT: &str = "@name.conflictBehavior";

/// The target of a copy. A missing part is that of the source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) parent: Option<Address>,
    pub(crate) name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    path: Option<String>,
    id: Option<String>,
}

/// Reads the body of a copy.
///
/// # Errors
/// A sentence about the invalid member.
pub(crate) fn copy(body: &Value) -> Result<Copy, String> {
    let reference = match &body["parentReference"] {
        Value::Null => None,
        reference => {
            let reference = Reference::deserialize(reference);
            Some(reference.map_err(|e| format!("parentReference is invalid: {e}."))?)
        }
    };
    let parent = match reference {
        None
        | Some(Reference {
            path: None,
            id: None,
        }) => None,
        Some(Reference { id: Some(id), .. }) => {
            let address = address_of_id(&id);
            Some(address.ok_or_else(|| {
                format!("parentReference.id is {id:?}, which is not the id of an item.")
            })?)
        }
        Some(Reference {
            path: Some(path), ..
        }) => {
            let invalid =
                || format!("parentReference.path is {path:?}; expected /drive/root:/PATH.");
            let path = path.strip_prefix('/').ok_or_else(invalid)?;
            let (address, action) = split_address(path).ok_or_else(invalid)?;
            if !action.is_empty() {
                return Err(invalid());
            }
            Some(address)
        }
    };
    Ok(Copy {
        parent,
        name: name(body)?,
    })
}

/// The URL to fetch, and the name of the new file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) source: String,
    pub(crate) name: String,
}

/// Reads the body of an upload from a URL.
///
/// # Errors
/// A sentence about the invalid member.
pub(crate) fn upload(body: &Value) -> Result<Upload, String> {
    let source = ["@microsoft.graph.sourceUrl", "@content.sourceUrl"]
        .iter()
        .find_map(|member| body[*member].as_str())
        .ok_or("@microsoft.graph.sourceUrl is missing: it is the URL to fetch.")?;
    Ok(Upload {
        source: source.to_owned(),
        name: name(body)?.ok_or("name is missing: it is the name of the new file.")?,
    })
}

fn name(body: &Value) -> Result<Option<String>, String> {
    match &body["name"] {
        Value::Null => Ok(None),
        Value::String(name) if is_name(name) => Ok(Some(name.clone())),
        Value::String(name) if name.chars().count() > MAX_NAME_CHARS => {
            Err(format!("name is longer than {MAX_NAME_CHARS} characters."))
        }
        Value::String(name) => Err(format!(
            "name is {name:?}; expected the name of a file, without slashes."
        )),
        _ => Err("name must be a string.".into()),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= MAX_NAME_CHARS
        && !name.contains(['/', '\0'])
        && name != "."
        && name != ".."
}

/// What to do if the name is taken, from the query or the body. The default is `fail`.
///
/// # Errors
/// A sentence about the invalid member.
pub(crate) fn conflict<'q>(
    mut query: impl Iterator<Item = (std::borrow::Cow<'q, str>, std::borrow::Cow<'q, str>)>,
    body: &Value,
) -> Result<&'static str, String> {
    let requested = query.find(|(name, _)| name == CONFLICT || name == OLD_CONFLICT);
    let requested = match &requested {
        Some((_, value)) => Some(&**value),
        None => body[CONFLICT].as_str().or(body[OLD_CONFLICT].as_str()),
    };
    match requested {
        None => Ok("fail"),
        Some(requested) => ["fail", "replace", "rename"]
            .into_iter()
            .find(|known| *known == requested)
            .ok_or_else(|| {
                format!("{CONFLICT} is {requested:?}; expected fail, replace or rename.")
            }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn copy_request_body_is_parsed() {
        let check = |body: Value, expected: Result<(Option<Address>, Option<&str>), ()>| {
            let read = copy(&body)
                .map(|copy| (copy.parent, copy.name))
                .map_err(drop);
            let expected = expected.map(|(parent, name)| (parent, name.map(str::to_owned)));
            assert_eq!(read, expected, "{body}");
        };
        let path = |path: &str| Some(Address::Path(path.into()));
        check(json!({}), Ok((None, None)));
        check(
            json!({ "parentReference": { "path": "/drive/root:/Documents" }, "name": "Copy of LargeFolder1" }),
            Ok((path("/Documents"), Some("Copy of LargeFolder1"))),
        );
        check(
            json!({ "parentReference": { "path": "/drive/root:/a%20b/c" } }),
            Ok((path("/a b/c"), None)),
        );
        check(
            json!({ "parentReference": { "id": "12" } }),
            Ok((Some(Address::Number(12)), None)),
        );
        check(json!({ "parentReference": { "id": "x" } }), Err(()));
        check(json!({ "parentReference": { "path": "/docs" } }), Err(()));
        check(json!({ "name": "a/b" }), Err(()));
        check(json!({ "name": 1 }), Err(()));
        let longest = "x".repeat(MAX_NAME_CHARS);
        check(json!({ "name": longest }), Ok((None, Some(&longest))));
        check(json!({ "name": format!("{longest}x") }), Err(()));
    }
}
