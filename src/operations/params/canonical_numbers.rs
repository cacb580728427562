//! Converts text from a form, a query or a command line to the types that the schema of the params expects.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// Converts `pairs` to an object. Text becomes a number, boolean or object if the schema expects one and the text is one.
/// Values become a list if the schema expects a list or the name is given more than once. All other text stays a string,
/// and the validation rejects it if it does not match. Empty text is omitted if the schema does not accept it, because
/// forms send it for fields that are not filled in.
pub(crate) fn coerce<'a>(
    pairs: impl IntoIterator<Item = (&'a str, Value)>,
    schema: &Value,
) -> Value {
    let mut params = Map::new();
    let mut takes_empty = HashMap::new();
    for (name, value) in pairs {
        let property = &schema["properties"][name];
        let is_list = property["type"] == "array";
        let wanted = if is_list {
            &property["items"]
        } else {
            property
        };
        let value = match value {
            Value::String(text) if text.is_empty() => {
                let takes = takes_empty.entry(name);
                if !*takes.or_insert_with(|| takes_empty_text(wanted, schema)) {
                    continue;
                }
                Value::String(text)
            }
            Value::String(text) => convert(text, wanted),
            other => other,
        };
        match params.get_mut(name) {
            Some(Value::Array(list)) => list.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None => {
                let value = if is_list {
                    Value::Array(vec![value])
                } else {
                    value
                };
                params.insert(name.to_owned(), value);
            }
        }
    }
    Value::Object(params)
}

/// Converts whole floats to integers, because JSON Schema accepts `9.0` as an integer.
pub(crate) fn make_whole_numbers_integers(value: &mut Value) {
    // 2^53. A float does not distinguish neighbouring integers beyond this.
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => {
            let whole = number
                .as_f64()
                .filter(|f| number.is_f64() && f.fract() == 0.0 && f.abs() < MAX_EXACT);
            if let Some(whole) = whole {
                *number = (whole as i64).into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_whole_numbers_integers),
        Value::Object(members) => members.values_mut().for_each(make_whole_numbers_integers),
        _ => {}
    }
}

/// Whether the schema of a param accepts empty text. With a `format` it does not: no path, URL or date is empty.
fn takes_empty_text(property: &Value, schema: &Value) -> bool {
    let mut property = property.clone();
    let Some(members) = property.as_object_mut() else {
        // The param is unknown. Keep the value, so that the validation reports it.
        return true;
    };
    for definitions in ["$defs", "definitions"] {
        if let Some(shared) = schema.get(definitions) {
            members.insert(definitions.to_owned(), shared.clone());
        }
    }
    let is_not_empty = |text: &str| !text.is_empty();
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .with_format("path", is_not_empty)
        .build(&property);
    validator.map_or(true, |validator| {
        validator.is_valid(&Value::String(String::new()))
    })
}

fn convert(text: String, property: &Value) -> Value {
    // Browsers send "on" for a checkbox without a `value` attribute.
    if text == "on" && property["type"] == "boolean" {
        return Value::Bool(true);
    }
    let wants = |name: &str| match &property["type"] {
        Value::Array(types) => types.iter().any(|one| one == name),
        one => one == name,
    };
    let is_json = ["integer", "number", "boolean", "object"]
        .iter()
        .any(|name| wants(name));
    match serde_json::from_str(&text) {
        Ok(value) if is_json => value,
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_are_integers() {
        let mut value = json!({ "a": [9.0, -0.0, 1.5, 1e300, 7], "b": { "c": 1e3 } });
        make_whole_numbers_integers(&mut value);
        assert_eq!(
            value,
            json!({ "a": [9, 0, 1.5, 1e300, 7], "b": { "c": 1000 } })
        );
    }

    #[test]
    fn form_values_are_converted_to_schema_types() {
        let schema = json!({ "properties": {
            "width": { "type": "integer" },
            "name": { "type": "string" },
            "deep": { "type": ["boolean", "null"] },
            "exclude": { "type": "array", "items": { "type": "string" } },
            "pages": { "type": "array", "items": { "type": "integer" } },
        }});
        let check = |pairs: &[(&str, &str)], expected: Value| {
            let pairs = pairs
                .iter()
                .map(|(name, text)| (*name, Value::String((*text).to_owned())));
            assert_eq!(coerce(pairs, &schema), expected);
        };
        check(&[], json!({}));
        check(
            &[("width", "12"), ("name", "12"), ("deep", "true")],
            json!({ "width": 12, "name": "12", "deep": true }),
        );
        check(
            &[("width", "wide"), ("other", "a=b")],
            json!({ "width": "wide", "other": "a=b" }),
        );
        check(&[("exclude", "*.o")], json!({ "exclude": ["*.o"] }));
        check(&[("exclude", "1")], json!({ "exclude": ["1"] }));
        check(&[("pages", "7")], json!({ "pages": [7] }));
        check(
            &[("pages", "7"), ("pages", "last"), ("pages", "9")],
            json!({ "pages": [7, "last", 9] }),
        );
        check(&[("deep", "on")], json!({ "deep": "on" }));
        check(
            &[("name", "a"), ("name", "b")],
            json!({ "name": ["a", "b"] }),
        );
    }

    #[test]
    fn empty_text_counts_as_absent_unless_the_schema_allows_it() {
        let schema = json!({
            "$defs": { "side": { "enum": ["left", "right"] } },
            "properties": {
                "width": { "type": "integer" },
                "ratio": { "type": ["number", "null"] },
                "deep": { "type": "boolean" },
                "side": { "$ref": "#/$defs/side" },
                "long": { "type": "string", "minLength": 1 },
                "code": { "type": "string", "pattern": "^[a-z]+$" },
                "to": { "type": "string", "format": "path" },
                "at": { "type": "string", "format": "uri" },
                "either": { "anyOf": [{ "type": "string", "format": "path" }, { "type": "array" }] },
                "pages": { "type": "array", "items": { "type": "integer" } },
                "name": { "type": "string" },
                "nickname": { "type": ["string", "null"] },
                "word": { "enum": ["", "x"] },
                "any": {},
                "words": { "type": "array", "items": { "type": "string" } },
            },
        });
        let names = schema["properties"].as_object().expect("properties").keys();
        let pairs = names.map(|name| (name.as_str(), Value::String(String::new())));
        let pairs = pairs.chain([("unknown", Value::String(String::new()))]);
        let expected = json!({ "name": "", "nickname": "", "word": "", "any": "", "words": [""], "unknown": "" });
        assert_eq!(coerce(pairs, &schema), expected);
    }

    #[test]
    fn checked_boxes_are_true() {
        let schema = json!({ "properties": { "deep": { "type": "boolean" } } });
        let pairs = [("deep", Value::String("on".into()))];
        assert_eq!(coerce(pairs, &schema), json!({ "deep": true }));
    }
}
