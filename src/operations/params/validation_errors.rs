//! Converts the errors of JSON Schema validation to messages for clients, each with a pointer to the invalid value.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

use crate::operations::InvalidParam;

/// The maximum length of a message, in characters. Messages may quote long values.
const MESSAGE_CHARS: usize = 300;

/// Stands for a secret value in a message.
const HIDDEN: &str = "The value";

/// The maximum number of invalid params that are reported. A body of 1 MiB may have a hundred thousand.
pub(in crate::operations) const MAX_FAULTS: usize = 1000;

/// The invalid params that a validation error stands for. The messages quote the values of the client unless they are
/// secret.
pub(in crate::operations) fn faults(error: &ValidationError<'_>, quote: bool) -> Vec<InvalidParam> {
    let inside = |name: &str| {
        let name = name.replace('~', "~0").replace('/', "~1");
        format!("#{}/{name}", error.instance_path())
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .take(MAX_FAULTS)
            .map(|name| fault(inside(name), "Unknown param."))
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![fault(inside(name), "A value is required.")]
        }
        // List all values. The library's message lists only two or three.
        ValidationErrorKind::Enum { options } => {
            let words = options.as_array().into_iter().flatten();
            let words = words.map(ToString::to_string);
            vec![fault(
                pointer(error),
                &unlike(&quoted(error, quote), "one of", words),
            )]
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            alternatives(error, context, quote)
        }
        _ => vec![fault(pointer(error), &message(error, quote))],
    }
}

/// The invalid params if no alternative of `anyOf` or `oneOf` matches. If it is clear which alternative the client meant,
/// its errors, otherwise a list of the alternatives.
fn alternatives(
    error: &ValidationError<'_>,
    context: &[Vec<ValidationError<'_>>],
    quote: bool,
) -> Vec<InvalidParam> {
    let is_here = |one: &&ValidationError<'_>| one.instance_path() == error.instance_path();
    // A value of another type, or with another constant such as `type`, was not meant for this alternative.
    let rules_out = |one: &ValidationError<'_>| match one.kind() {
        ValidationErrorKind::Type { .. } => is_here(&one),
        ValidationErrorKind::Constant { .. } => true,
        _ => false,
    };
    let mut meant = context
        .iter()
        .filter(|errors| !errors.iter().any(rules_out));
    let wants = |errors: &[ValidationError<'_>]| {
        let each = errors.iter().flat_map(|error| faults(error, quote));
        each.collect::<Vec<_>>()
    };
    if let Some(first) = meant.next() {
        let (mut common, mut others) = (wants(first), meant.map(|errors| wants(errors)).peekable());
        if others.peek().is_none() {
            return common;
        }
        // Several alternatives may be meant. Report the errors that they have in common, usually the missing `type`.
        others.for_each(|other| common.retain(|fault| other.contains(fault)));
        if !common.is_empty() {
            return common;
        }
    }
    let all = || context.iter().flatten();
    let word = |one: &ValidationError<'_>| match one.kind() {
        ValidationErrorKind::Constant { expected_value } => Some(expected_value.to_string()),
        _ => None,
    };
    if let Some(first) = all().find(|one| word(one).is_some()) {
        let same = all().filter(|one| one.instance_path() == first.instance_path());
        let detail = unlike(&quoted(first, quote), "one of", same.filter_map(word));
        return vec![fault(pointer(first), &detail)];
    }
    let kind = |one: &ValidationError<'_>| match one.kind() {
        ValidationErrorKind::Type {
            kind: TypeKind::Single(name),
        } => Some(format!("\"{name}\"")),
        _ => None,
    };
    let kinds: Vec<_> = all().filter(is_here).filter_map(kind).collect();
    let detail = if kinds.is_empty() {
        message(error, quote)
    } else if quote {
        unlike(&outline(error.instance()), "of type", kinds.into_iter())
    } else {
        unlike(HIDDEN, "of type", kinds.into_iter())
    };
    vec![fault(pointer(error), &detail)]
}

/// The value as JSON, or a word for it.
fn quoted(error: &ValidationError<'_>, quote: bool) -> String {
    if quote {
        error.instance().to_string()
    } else {
        HIDDEN.to_owned()
    }
}

/// The library's message.
fn message(error: &ValidationError<'_>, quote: bool) -> String {
    if quote {
        error.to_string()
    } else {
        error.masked_with(HIDDEN).to_string()
    }
}

/// A message like `5 is not of type "string" or "object"`.
fn unlike(sent: &str, what: &str, words: impl Iterator<Item = String>) -> String {
    let mut each: Vec<String> = Vec::new();
    for word in words {
        if !each.contains(&word) {
            each.push(word);
        }
    }
    let words = match each.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        _ => each.concat(),
    };
    format!("{} is not {what} {words}", shortened(sent))
}

/// A short description of a value. Omits the members of objects, because those of an upload come from the server.
fn outline(instance: &Value) -> String {
    match instance {
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
        plain => plain.to_string(),
    }
}

fn pointer(error: &ValidationError<'_>) -> String {
    format!("#{}", error.instance_path())
}

fn fault(pointer: String, detail: &str) -> InvalidParam {
    let detail = detail.to_owned();
    InvalidParam { pointer, detail }
}

/// The message, cut if it is too long.
pub(in crate::operations) fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mismatch_of_several_schemas_reports_the_closest_one() {
        let file = json!({
            "properties": { "type": { "const": "file" }, "path": { "type": "string" } },
            "required": ["type", "path"], "type": "object", "additionalProperties": false,
        });
        let inline = json!({
            "properties": { "type": { "const": "inline" }, "value": { "type": "string" } },
            "required": ["type", "value"], "type": "object",
        });
        let document = json!({ "anyOf": [{ "type": "string" }, file, inline] });
        let words =
            json!({ "oneOf": [{ "const": "fail" }, { "const": "replace", "type": "string" }] });
        let list = json!({ "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1 }] });
        let check = |schema: &Value, sent: Value, expected: &str| {
            let validator = jsonschema::validator_for(schema).expect("a schema");
            let found = validator
                .iter_errors(&sent)
                .flat_map(|error| faults(&error, true));
            let found: Vec<_> = found
                .map(|fault| format!("{}: {}", fault.pointer, fault.detail))
                .collect();
            assert_eq!(found, [expected], "{sent}");
        };
        check(
            &document,
            json!(5),
            "#: 5 is not of type \"string\" or \"object\"",
        );
        check(&document, json!({}), "#/type: A value is required.");
        check(
            &document,
            json!([{ "type": "upload", "blob": 7 }, "/a"]),
            "#: a list of 2 is not of type \"string\" or \"object\"",
        );
        check(
            &document,
            json!({ "type": "file" }),
            "#/path: A value is required.",
        );
        check(
            &document,
            json!({ "type": "file", "path": "/a", "x": 1 }),
            "#/x: Unknown param.",
        );
        check(
            &document,
            json!({ "type": "ftp" }),
            "#/type: \"ftp\" is not one of \"file\" or \"inline\"",
        );
        check(
            &words,
            json!("no"),
            "#: \"no\" is not one of \"fail\" or \"replace\"",
        );
        check(&list, json!([]), "#: [] has less than 1 item");
        check(
            &json!({ "enum": ["a", 1, null, "b", "c", "d"] }),
            json!("x"),
            "#: \"x\" is not one of \"a\", 1, null, \"b\", \"c\" or \"d\"",
        );
    }
}
