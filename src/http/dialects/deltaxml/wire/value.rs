//! Requests as JSON values, and how XML is converted to them.

use serde_json::{Map, Value, json};

use crate::http::dialects::deltaxml::wire::names::same_name;
use crate::job::JobId;
use crate::operations::is_url;
use crate::xml::{self, Element, Limits, Source};

/// The deepest nesting of elements in a request.
const MAX_DEPTH: usize = 64;

/// Converts a request in XML: the name of its root element, and its content. Attributes and elements become members.
///
/// # Errors
/// A sentence about malformed or too deeply nested XML.
pub(crate) fn of_xml(body: Source) -> Result<(String, Value), String> {
    let limits = Limits {
        depth: MAX_DEPTH,
        ..Limits::default()
    };
    let root = xml::parse_elements(body, &limits);
    let root = root.map_err(|error| format!("The body is not XML that can be read: {error}"))?;
    Ok((root.name.clone(), of_element(root)))
}

/// Converts an element. The recursion is limited by [`MAX_DEPTH`].
fn of_element(element: Element) -> Value {
    if element.attributes.is_empty() && element.children.is_empty() {
        return Value::String(element.text);
    }
    let mut object = Map::new();
    for (name, text) in element.attributes {
        insert(&mut object, name, Value::String(text));
    }
    if !element.text.is_empty() {
        insert(&mut object, "value".into(), Value::String(element.text));
    }
    for mut child in element.children {
        let name = std::mem::take(&mut child.name);
        insert(&mut object, name, of_element(child));
    }
    Value::Object(object)
}

/// Adds a member. Members with the same name become a list.
pub(crate) fn insert(object: &mut Map<String, Value>, name: String, value: Value) {
    match object.get_mut(&name) {
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => {
            object.insert(name, value);
        }
    }
}

/// The member with this name, unless it is null.
pub(crate) fn member<'v>(object: &'v Value, name: &str) -> Option<&'v Value> {
    let mut members = object.as_object()?.iter();
    let (_, value) = members.find(|(key, value)| same_name(key, name) && !value.is_null())?;
    Some(value)
}

/// The text of a member; `None` if there is no such member.
///
/// # Errors
/// A sentence if the member is not text.
pub(crate) fn text<'v>(object: &'v Value, name: &str) -> Result<Option<&'v str>, String> {
    match member(object, name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{name} must be text.")),
    }
}

/// A value that is true or false. `name` is its name in the error message.
///
/// # Errors
/// A sentence if it is neither.
pub(crate) fn boolean(value: &Value, name: &str) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(format!("{name} must be true or false.")),
    }
}

/// A document in the form of the operations' params. `name` is its name in error messages.
///
/// # Errors
/// A sentence about what is missing or invalid.
pub(crate) fn document(value: &Value, name: &str) -> Result<Value, String> {
    let missing = |member: &str| format!("{name} has no {member}.");
    match value {
        Value::String(text) if text.is_empty() => return Err(missing("content")),
        Value::String(text) if text.starts_with('<') => {
            return Ok(json!({ "type": "inline", "value": text }));
        }
        Value::String(url) if is_url(url) => return Ok(json!({ "type": "http", "uri": url })),
        Value::String(path) => return Ok(json!({ "type": "file", "path": path })),
        Value::Object(_) => {}
        _ => {
            return Err(format!(
                "{name} must be a document: text with a path, a URL or XML, or an object with a type."
            ));
        }
    }
    let kind = match text(value, "type")? {
        Some(kind) => kind.to_ascii_lowercase(),
        None => infer_type(value).ok_or_else(|| missing("type"))?.to_owned(),
    };
    // The products have different names for the same member.
    let first = |names: &[&str]| {
        let mut texts = names.iter().map(|name| text(value, name));
        let found = texts.find(|text| !matches!(text, Ok(None)));
        found.unwrap_or(Ok(None))
    };
    match kind.as_str() {
        "file" => {
            let path = first(&["path"])?.filter(|path| !path.is_empty());
            Ok(json!({ "type": "file", "path": path.ok_or_else(|| missing("path"))? }))
        }
        "http" | "https" | "url" | "uri" => {
            let uri = first(&["uri", "url"])?.ok_or_else(|| missing("uri"))?;
            let mut document = json!({ "type": "http", "uri": uri });
            if let Some(header) = first(&["authorizationHeader", "authorization"])? {
                document["authorization"] = header.into();
            }
            Ok(document)
        }
        "inline" | "raw" | "string" | "xml" => {
            let text = first(&["value", "content"])?.ok_or_else(|| missing("value"))?;
            Ok(json!({ "type": "inline", "value": text }))
        }
        "job" => {
            let id = first(&["id", "jobId"])?.ok_or_else(|| missing("id"))?;
            let id = JobId::from_uuid(id).map_or_else(|| id.to_owned(), |id| id.to_string());
            Ok(json!({ "type": "job", "id": id }))
        }
        // The engine checks that the upload belongs to this request.
        "upload" => Ok(value.clone()),
        other => Err(format!(
            "{name} has the type {other:?}; expected file, http, inline or job."
        )),
    }
}

/// The type of a document without a `type`, from its members.
fn infer_type(value: &Value) -> Option<&'static str> {
    let types = [
        ("path", "file"),
        ("uri", "http"),
        ("url", "http"),
        ("value", "inline"),
        ("content", "inline"),
    ];
    let mut types = types.into_iter();
    types.find_map(|(name, kind)| member(value, name).map(|_| kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_and_json_bodies_are_equivalent() {
        let (name, value) = of_xml(
            b"<p:compare xmlns:p='urn:p'><input-a xmlns:x='urn:x' x:type='file'><path>/docs/a b.xml</path></input-a>\
              <async/><v>1</v><v>2</v><w n='3'>4</w></p:compare>"
                .to_vec()
.into(),
        )
        .expect("XML");
        assert_eq!(name, "compare");
        let expected = json!({
            "input-a": { "type": "file", "path": "/docs/a b.xml" }, "async": "", "v": ["1", "2"],
            "w": { "n": "3", "value": "4" },
        });
        assert_eq!(value, expected);
        for bad in ["", "x", "<a>", "<!DOCTYPE a><a/>", "<a>&b;</a>"] {
            assert!(of_xml(bad.into()).is_err(), "{bad}");
        }
        let deep = "<a>".repeat(65) + &"</a>".repeat(65);
        assert!(of_xml(deep.into()).is_err());
    }

    #[test]
    fn document_kind_is_determined_by_its_type() {
        let check = |value: Value, expected: Option<Value>| {
            assert_eq!(document(&value, "x").ok(), expected, "{value}");
        };
        let file = json!({ "type": "file", "path": "/docs/a" });
        check(json!("/docs/a"), Some(file.clone()));
        check(
            json!({ "Type": "FILE", "Path": "/docs/a", "x": 1 }),
            Some(file.clone()),
        );
        check(json!({ "path": "/docs/a" }), Some(file));
        let http = json!({ "type": "http", "uri": "http://a/b" });
        check(json!("http://a/b"), Some(http.clone()));
        check(
            json!({ "type": "url", "url": "http://a/b" }),
            Some(http.clone()),
        );
        check(json!({ "type": "http", "Uri": "http://a/b" }), Some(http));
        let inline = json!({ "type": "inline", "value": "<a/>" });
        check(json!("<a/>"), Some(inline.clone()));
        check(json!({ "type": "raw", "content": "<a/>" }), Some(inline));
        let id = "01JD3QXYZ0000000000000000A";
        let uuid = id.parse::<JobId>().expect("an id").to_uuid();
        let job = json!({ "type": "job", "id": id });
        check(json!({ "type": "job", "id": uuid }), Some(job));
        for bad in [
            json!(""),
            json!(1),
            json!([]),
            json!({}),
            json!({ "type": "file" }),
            json!({ "type": "file", "path": "" }),
            json!({ "type": "file", "path": 1 }),
            json!({ "type": "ftp", "uri": "ftp://a" }),
            json!({ "type": 1, "path": "/docs/a" }),
        ] {
            check(bad, None);
        }
    }
}
