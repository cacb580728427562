//! Turns `name=value` arguments into JSON params that fit an operation's schema.

use std::path::Path;

use serde_json::Value;

use crate::cli::{EXIT_USAGE, Failure};
use crate::operations::{coerce, is_url};

/// Converts `name=value` pairs and `name=path` inputs to params. Paths become absolute; URLs stay as they are.
///
/// # Errors
/// A pair has no `=`, or a path cannot be made absolute.
pub(super) fn params(
    pairs: &[String],
    inputs: &[String],
    schema: &Value,
) -> Result<Value, Failure> {
    let mut named = Vec::new();
    for pair in pairs {
        let Some((name, text)) = pair.split_once('=') else {
            return Err(Failure::new(
                EXIT_USAGE,
                format!("expected NAME=VALUE, found {pair:?}"),
            ));
        };
        let text = if mentions_path(&schema["properties"][name], schema, 0) {
            absolute(text)?
        } else {
            text.to_owned()
        };
        named.push((name, Value::String(text)));
    }
    for pair in inputs {
        let Some((name, path)) = pair.split_once('=') else {
            return Err(Failure::new(
                EXIT_USAGE,
                format!("expected NAME=FILE, found {pair:?}"),
            ));
        };
        named.push((name, Value::String(absolute(path)?)));
    }
    Ok(coerce(named, schema))
}

/// Splits `name=value` pairs for a remote server, without touching paths.
///
/// # Errors
/// A pair has no `=`.
pub(super) fn fields(pairs: &[String]) -> Result<Vec<(&str, &str)>, Failure> {
    let fields = pairs.iter().map(|pair| {
        let wrong = || Failure::new(EXIT_USAGE, format!("expected NAME=VALUE, found {pair:?}"));
        pair.split_once('=').ok_or_else(wrong)
    });
    fields.collect()
}

fn absolute(path: &str) -> Result<String, Failure> {
    if is_url(path) {
        return Ok(path.to_owned());
    }
    // A file that does not exist yet: resolve its folder instead.
    let new = || {
        let path = Path::new(path);
        let (folder, name) = (path.parent()?, path.file_name()?);
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        Some(std::fs::canonicalize(folder).ok()?.join(name))
    };
    let absolute = std::fs::canonicalize(path)
        .or_else(|_| new().map_or_else(|| std::path::absolute(path), Ok));
    let absolute =
        absolute.map_err(|e| Failure::new(EXIT_USAGE, format!("invalid path {path:?}: {e}")))?;
    Ok(absolute.to_string_lossy().into_owned())
}

/// How many references to definitions are followed, one inside the other.
const MAX_REFERENCES: u32 = 8;

/// Whether a property is a path, a document, or a list of them.
fn mentions_path(property: &Value, schema: &Value, references: u32) -> bool {
    match property {
        Value::Object(members) => {
            let reference = members.get("$ref").and_then(Value::as_str);
            let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
            let definition = pointer.and_then(|pointer| schema.pointer(pointer));
            members.get("format").and_then(Value::as_str) == Some("path")
                || definition.is_some_and(|definition| {
                    references < MAX_REFERENCES && mentions_path(definition, schema, references + 1)
                })
                || members.iter().any(|(key, value)| {
                    key != "description" && mentions_path(value, schema, references)
                })
        }
        Value::Array(items) => items
            .iter()
            .any(|item| mentions_path(item, schema, references)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_made_absolute() {
        let schema = json!({ "properties": {
            "path": { "anyOf": [{ "type": "string", "format": "path" }, { "type": "array" }] },
            "name": { "type": "string" },
            "document": { "$ref": "#/$defs/Document" },
            "versions": { "type": "array", "items": { "$ref": "#/$defs/Document" } },
        }, "$defs": { "Document": { "anyOf": [{ "type": "string", "format": "path" }] } } });
        let check = |pairs: &[&str], expected: Value| {
            let pairs: Vec<_> = pairs.iter().map(ToString::to_string).collect();
            assert_eq!(
                params(&pairs, &[], &schema).map_err(|f| f.message),
                Ok(expected),
                "{pairs:?}"
            );
        };
        check(&["path=/", "name=/"], json!({ "path": "/", "name": "/" }));
        check(
            &["path=/", "path=/nonexistent"],
            json!({ "path": ["/", "/nonexistent"] }),
        );
        let here = std::env::current_dir()
            .expect("a folder")
            .canonicalize()
            .expect("its real path");
        check(&["path=."], json!({ "path": here }));
        let new = here.parent().expect("a folder").join("not there yet");
        check(&["path=../not there yet"], json!({ "path": new }));
        check(
            &["document=.", "versions=/", "versions=."],
            json!({ "document": here, "versions": ["/", here] }),
        );
        let input = params(&[], &["document=.".into()], &schema).map_err(|f| f.message);
        assert_eq!(input, Ok(json!({ "document": here })));
        let input = params(&[], &["document=https://a.test/b".into()], &schema);
        let url = json!({ "document": "https://a.test/b" });
        assert_eq!(input.map_err(|f| f.message), Ok(url));
        assert_eq!(
            params(&["width".into()], &[], &schema).map_err(|f| f.code),
            Err(EXIT_USAGE)
        );
    }
}
