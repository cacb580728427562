//! `name=value` on the command line becomes JSON as an operation's schema has it.

use serde_json::{Map, Value};

use super::{EXIT_USAGE, Failure};

/// `name=value` pairs as the schema has them: numbers and lists where it wants some, paths made absolute.
pub(super) fn params(pairs: &[String], schema: &Value) -> Result<Value, Failure> {
    let mut params = Map::new();
    for pair in pairs {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Failure::new(
                EXIT_USAGE,
                format!("{pair:?} is not NAME=VALUE"),
            ));
        };
        let property = &schema["properties"][name];
        let value = convert(value, property)?;
        match params.get_mut(name) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None if only_list(property) => {
                drop(params.insert(name.to_owned(), Value::Array(vec![value])));
            }
            None => drop(params.insert(name.to_owned(), value)),
        }
    }
    Ok(Value::Object(params))
}

fn convert(text: &str, property: &Value) -> Result<Value, Failure> {
    let types: Vec<&Value> = match &property["type"] {
        Value::Array(types) => types.iter().collect(),
        one => vec![one],
    };
    let wants = |name: &str| types.iter().any(|kind| kind.as_str() == Some(name));
    if mentions_path(property) {
        let path = std::fs::canonicalize(text).or_else(|_| std::path::absolute(text));
        let path =
            path.map_err(|e| Failure::new(EXIT_USAGE, format!("{text:?} is not a path: {e}")))?;
        return Ok(Value::String(path.to_string_lossy().into_owned()));
    }
    let is_json = ["integer", "number", "boolean", "object"]
        .iter()
        .any(|name| wants(name));
    Ok(if is_json && let Ok(value) = serde_json::from_str(text) {
        value
    } else {
        Value::String(text.to_owned())
    })
}

/// Whether a property is a path, or a list of some.
fn mentions_path(property: &Value) -> bool {
    match property {
        Value::Object(members) => {
            members.get("format").and_then(Value::as_str) == Some("path")
                || members
                    .iter()
                    .any(|(key, value)| key != "description" && mentions_path(value))
        }
        Value::Array(items) => items.iter().any(mentions_path),
        _ => false,
    }
}

fn only_list(property: &Value) -> bool {
    property["type"] == "array"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_the_schema_wants() {
        let schema = json!({ "properties": {
            "width": { "type": "integer" },
            "name": { "type": "string" },
            "deep": { "type": ["boolean", "null"] },
            "exclude": { "type": "array", "items": { "type": "string" } },
            "path": { "anyOf": [{ "type": "string", "format": "path" }, { "type": "array" }] },
        }});
        let check = |pairs: &[&str], expected: Value| {
            let pairs: Vec<_> = pairs.iter().map(ToString::to_string).collect();
            assert_eq!(
                params(&pairs, &schema).map_err(|f| f.message),
                Ok(expected),
                "{pairs:?}"
            );
        };
        check(&[], json!({}));
        check(
            &["width=12", "name=12", "deep=true"],
            json!({ "width": 12, "name": "12", "deep": true }),
        );
        // What does not fit is sent as it is: the server says what is wrong with it.
        check(
            &["width=wide", "other=a=b"],
            json!({ "width": "wide", "other": "a=b" }),
        );
        check(&["exclude=*.o"], json!({ "exclude": ["*.o"] }));
        check(
            &["exclude=*.o", "exclude=*.a"],
            json!({ "exclude": ["*.o", "*.a"] }),
        );
        check(&["path=/"], json!({ "path": "/" }));
        check(
            &["path=/", "path=/nonexistent"],
            json!({ "path": ["/", "/nonexistent"] }),
        );
        assert_eq!(
            params(&["width".into()], &schema).map_err(|f| f.code),
            Err(EXIT_USAGE)
        );
    }
}
