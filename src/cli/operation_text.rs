//! Describes an operation for people, from the server's JSON.

use serde_json::Value;

use crate::cli::output::escape_line;

/// Longest line of a description, in characters.
const LINE_CHARS: usize = 96;

/// Describes an operation: title, description, params, inputs, and an example of `command`, for example `cloakroom run`.
pub(super) fn describe(operation: &Value, command: &str) -> String {
    let schema = &operation["params"];
    let name = text(&operation["name"]);
    let mut page = format!("{name} - {}\n", text(&operation["title"]));
    let description = operation["description"]
        .as_str()
        .or_else(|| schema["description"].as_str());
    if let Some(description) = description {
        page.push('\n');
        paragraphs(&mut page, "", description);
    }
    let inputs = operation["inputs"].as_object();
    let is_input = |name: &str| inputs.is_some_and(|inputs| inputs.contains_key(name));
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let properties = members(&schema["properties"]);
    let params = properties.iter().filter(|(name, _)| !is_input(name));
    for (number, (name, property)) in params.enumerate() {
        if number == 0 {
            page.push_str("\nParams:\n");
        }
        let kind = kind(property, schema);
        let need = need(name, property, schema);
        page.push_str(&format!("  {}  {kind}, {need}\n", escape_line(name)));
        paragraphs(
            &mut page,
            "      ",
            property["description"].as_str().unwrap_or_default(),
        );
    }
    for (number, (name, input)) in inputs.into_iter().flatten().enumerate() {
        if number == 0 {
            page.push_str("\nInputs:\n");
        }
        let kind = if input["list"] == true {
            "files"
        } else {
            "file"
        };
        let need = if input["required"] == true {
            "required"
        } else {
            "optional"
        };
        let types: Vec<_> = input["mediaTypes"]
            .as_array()
            .map_or(&[][..], Vec::as_slice)
            .iter()
            .map(text)
            .collect();
        let types = if types.is_empty() {
            String::new()
        } else {
            format!(": {}", types.join(", "))
        };
        page.push_str(&format!("  {}  {kind}, {need}{types}\n", escape_line(name)));
        // Without a text of its own, an input has the general one about documents.
        if !properties[name]["$ref"].is_null() {
            paragraphs(
                &mut page,
                "      ",
                properties[name]["description"].as_str().unwrap_or_default(),
            );
        }
    }
    page.push_str(&format!(
        "\nResult: {}\n",
        text(&operation["output"]["mediaType"])
    ));
    page.push_str(&format!("\nExample:\n  {command} {name}"));
    for required in schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        let shown = escape_line(required);
        if is_input(required) {
            page.push_str(&format!(" -i {shown}=FILE"));
        } else {
            let value = sample(&properties[required], schema);
            page.push_str(&format!(" {shown}={value}"));
        }
    }
    page.push('\n');
    page
}

/// Whether a param must be given, or its default.
fn need(name: &str, property: &Value, schema: &Value) -> String {
    let mut required = schema["required"].as_array().into_iter().flatten();
    if required.any(|required| required == name) {
        return "required".to_owned();
    }
    match &property["default"] {
        Value::Null => "optional".to_owned(),
        Value::String(text) if !text.is_empty() => format!("default: {}", escape_line(text)),
        Value::Array(items) if items.is_empty() => "default: none".to_owned(),
        other => format!("default: {}", escape_line(&other.to_string())),
    }
}

/// The type of a param in words, for example `list of paths`.
fn kind(property: &Value, schema: &Value) -> String {
    let property = resolve(property, schema);
    if let Some(values) = property["enum"].as_array() {
        return values.iter().map(plain).collect::<Vec<_>>().join("|");
    }
    if !property["const"].is_null() {
        return plain(&property["const"]);
    }
    let variants = property["anyOf"]
        .as_array()
        .or(property["oneOf"].as_array());
    if let Some(variants) = variants {
        let is_choice = variants.iter().all(|variant| !variant["const"].is_null());
        let mut kinds: Vec<_> = variants
            .iter()
            .map(|variant| kind(variant, schema))
            .collect();
        kinds.retain(|kind| kind != "null");
        kinds.dedup();
        return kinds.join(if is_choice { "|" } else { " or " });
    }
    let types: Vec<_> = match &property["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect(),
    };
    let types = types
        .iter()
        .filter(|kind| **kind != "null" || types.len() == 1);
    let types: Vec<_> = types.map(|one| one_kind(one, property, schema)).collect();
    if types.is_empty() {
        "any value".to_owned()
    } else {
        types.join(" or ")
    }
}

fn one_kind(name: &str, property: &Value, schema: &Value) -> String {
    let (low, high) = (&property["minimum"], &property["maximum"]);
    match name {
        "string" => match property["format"].as_str() {
            Some("path") => "path".to_owned(),
            Some("uri") => "URL".to_owned(),
            Some("humantime") => "duration".to_owned(),
            _ => "text".to_owned(),
        },
        "array" => format!("list of {}s", kind(&property["items"], schema)),
        "integer" | "number" if !low.is_null() && !high.is_null() => {
            format!("{name} from {low} to {high}")
        }
        "integer" | "number" if !low.is_null() => format!("{name}, at least {low}"),
        "integer" | "number" if !high.is_null() => format!("{name}, at most {high}"),
        "boolean" => "true|false".to_owned(),
        other => other.to_owned(),
    }
}

/// A value for an example: the first that is allowed, or a placeholder.
fn sample(property: &Value, schema: &Value) -> String {
    let property = resolve(property, schema);
    let first = property["anyOf"].get(0).or(property["oneOf"].get(0));
    if let Some(first) = first {
        return sample(first, schema);
    }
    let value = property["enum"].get(0).unwrap_or(&property["const"]);
    match (
        value,
        property["type"].as_str(),
        property["format"].as_str(),
    ) {
        (Value::Null, Some("array"), _) => sample(&property["items"], schema),
        (Value::Null, Some("boolean"), _) => "true".to_owned(),
        (Value::Null, Some("integer" | "number"), _) => match &property["minimum"] {
            Value::Null => "1".to_owned(),
            low => low.to_string(),
        },
        (Value::Null, _, Some("path")) => "PATH".to_owned(),
        (Value::Null, _, Some("uri")) => "URL".to_owned(),
        (Value::Null, _, _) => "TEXT".to_owned(),
        (value, _, _) => plain(value),
    }
}

/// Follows a reference to a definition in the same schema. Definitions do not refer to each other.
fn resolve<'a>(property: &'a Value, schema: &'a Value) -> &'a Value {
    let reference = property["$ref"].as_str();
    reference
        .and_then(|reference| schema.pointer(reference.strip_prefix('#')?))
        .unwrap_or(property)
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => escape_line(text).into_owned(),
        other => other.to_string(),
    }
}

fn text(value: &Value) -> String {
    escape_line(value.as_str().unwrap_or_default()).into_owned()
}

/// Adds a text, indented and wrapped. A blank line separates paragraphs.
fn paragraphs(page: &mut String, indent: &str, text: &str) {
    let room = LINE_CHARS - indent.len();
    for paragraph in text.split("\n\n").filter(|text| !text.trim().is_empty()) {
        let mut width = 0;
        for word in paragraph.split_whitespace() {
            let chars = word.chars().count();
            if width == 0 {
                page.push_str(indent);
            } else if width + 1 + chars > room {
                page.push('\n');
                page.push_str(indent);
                width = 0;
            } else {
                page.push(' ');
                width += 1;
            }
            page.push_str(&escape_line(word));
            width += chars;
        }
        page.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_described_in_words() {
        let schema = json!({ "$defs": { "D": { "anyOf": [
            { "type": "string", "format": "path" }, { "type": "object" }, { "type": "object" },
        ] } } });
        for (property, words, value) in [
            (json!({ "type": "string" }), "text", "TEXT"),
            (
                json!({ "type": ["string", "null"], "format": "uri" }),
                "URL",
                "URL",
            ),
            (json!({ "enum": ["a", "b", 1] }), "a|b|1", "a"),
            (
                json!({ "oneOf": [{ "const": "x" }, { "const": "y" }] }),
                "x|y",
                "x",
            ),
            (
                json!({ "type": "integer", "minimum": 0, "maximum": 9 }),
                "integer from 0 to 9",
                "0",
            ),
            (json!({ "type": "number" }), "number", "1"),
            (
                json!({ "type": "array", "items": { "type": "string", "format": "path" } }),
                "list of paths",
                "PATH",
            ),
            (json!({ "$ref": "#/$defs/D" }), "path or object", "PATH"),
            (json!({ "$ref": "#/$defs/missing" }), "any value", "TEXT"),
            (json!({ "type": "boolean" }), "true|false", "true"),
            (json!(true), "any value", "TEXT"),
        ] {
            assert_eq!(kind(&property, &schema), words, "{property}");
            assert_eq!(sample(&property, &schema), value, "{property}");
        }
    }

    #[test]
    fn long_descriptions_are_wrapped() {
        let mut page = String::new();
        paragraphs(
            &mut page,
            "  ",
            &format!("{} end\n\nb\u{1b}[2J", "word ".repeat(30)),
        );
        let lines: Vec<_> = page.lines().collect();
        assert_eq!(lines.len(), 3, "{page}");
        assert!(lines.iter().all(|line| line.len() <= LINE_CHARS), "{page}");
        assert_eq!(
            (lines[1].ends_with("end"), lines[2]),
            (true, "  b\\u001b[2J")
        );
    }
}
