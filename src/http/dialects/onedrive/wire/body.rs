//! What OneDrive's clients send along.

use serde::Deserialize;
use serde_json::Value;

use crate::http::dialects::onedrive::wire::address::{Address, address, numbered};

const CONFLICT: &str = "@microsoft.graph.conflictBehavior";
/// The longest name of an item, in characters.
const NAME_CHARS: usize = 255;
const CONFLICT_BEFORE: &str = "@name.conflictBehavior";

/// What an item is to be copied to; what is not said is as it is with the source.
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
/// What is wrong with it.
pub(crate) fn copy(body: &Value) -> Result<Copy, String> {
    let reference = match &body["parentReference"] {
        Value::Null => None,
        reference => {
            let reference = Reference::deserialize(reference);
            Some(reference.map_err(|e| format!("parentReference is not valid: {e}."))?)
        }
    };
    let parent = match reference {
        None
        | Some(Reference {
            path: None,
            id: None,
        }) => None,
        Some(Reference { id: Some(id), .. }) => {
            let number = numbered(&id);
            Some(number.ok_or_else(|| format!("{id:?} is not an item's id."))?)
        }
        Some(Reference {
            path: Some(path), ..
        }) => {
            let wrong = || format!("parentReference.path is {path:?}, not /drive/root:/PATH.");
            let path = path.strip_prefix('/').ok_or_else(wrong)?;
            let (address, action) = address(path).ok_or_else(wrong)?;
            if !action.is_empty() {
                return Err(wrong());
            }
            Some(address)
        }
    };
    Ok(Copy {
        parent,
        name: name(body)?,
    })
}

/// What is to be fetched, and what it will be called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) source: String,
    pub(crate) name: String,
}

/// Reads the body of an upload from a URL.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn upload(body: &Value) -> Result<Upload, String> {
    let source = ["@microsoft.graph.sourceUrl", "@content.sourceUrl"]
        .iter()
        .find_map(|member| body[*member].as_str())
        .ok_or("There is no @microsoft.graph.sourceUrl to fetch.")?;
    Ok(Upload {
        source: source.to_owned(),
        name: name(body)?.ok_or("There is no name for what is fetched.")?,
    })
}

fn name(body: &Value) -> Result<Option<String>, String> {
    match &body["name"] {
        Value::Null => Ok(None),
        Value::String(name) if is_name(name) => Ok(Some(name.clone())),
        Value::String(name) if name.chars().count() > NAME_CHARS => {
            Err(format!("The name is longer than {NAME_CHARS} characters."))
        }
        Value::String(name) => Err(format!("{name:?} is not a name.")),
        _ => Err("The name is not a string.".into()),
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= NAME_CHARS
        && !name.contains(['/', '\0'])
        && name != "."
        && name != ".."
}

/// What to do about a name that is taken, from the query or from the body; `fail` if nothing is said.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn conflict<'q>(
    mut query: impl Iterator<Item = (std::borrow::Cow<'q, str>, std::borrow::Cow<'q, str>)>,
    body: &Value,
) -> Result<&'static str, String> {
    let asked = query.find(|(name, _)| name == CONFLICT || name == CONFLICT_BEFORE);
    let asked = match &asked {
        Some((_, value)) => Some(&**value),
        None => body[CONFLICT].as_str().or(body[CONFLICT_BEFORE].as_str()),
    };
    match asked {
        None => Ok("fail"),
        Some(asked) => ["fail", "replace", "rename"]
            .into_iter()
            .find(|known| *known == asked)
            .ok_or_else(|| format!("{CONFLICT} is {asked:?}, not fail, replace or rename.")),
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
        let longest = "x".repeat(NAME_CHARS);
        check(json!({ "name": longest }), Ok((None, Some(&longest))));
        check(json!({ "name": format!("{longest}x") }), Err(()));
    }
}
