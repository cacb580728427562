//! What a schema has to say against params, in words that say what to do.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::Fault;

/// A schema's complaint as one fault or several, each pointing at what is wrong. `schema` is the whole schema.
pub(super) fn faults(error: &ValidationError<'_>, schema: &Value) -> Vec<Fault> {
    let at = |name: &str| {
        format!(
            "#{}/{}",
            error.instance_path(),
            name.replace('~', "~0").replace('/', "~1")
        )
    };
    let here = |detail: String| {
        vec![Fault {
            pointer: format!("#{}", error.instance_path()),
            detail,
        }]
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unknown = |name: &String| Fault {
                pointer: at(name),
                detail: "There is no such param.".into(),
            };
            unexpected.iter().map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Fault {
                pointer: at(name),
                detail: "It is required.".into(),
            }]
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            match meant(error, context) {
                Some(errors) => errors.iter().flat_map(|e| faults(e, schema)).collect(),
                None => here(match described(error, schema) {
                    Some(expected) => format!("It is not what is expected here. {expected}"),
                    None => error.to_string(),
                }),
            }
        }
        _ => here(error.to_string()),
    }
}

/// The one of several alternatives that was meant: it wants a value of this type, and of this kind where it names one.
fn meant<'a>(
    error: &ValidationError<'_>,
    context: &'a [Vec<ValidationError<'static>>],
) -> Option<&'a [ValidationError<'static>]> {
    let place = error.instance_path().as_str();
    let is_another = |inner: &ValidationError<'_>| match inner.kind() {
        ValidationErrorKind::Type { .. } => inner.instance_path().as_str() == place,
        ValidationErrorKind::Constant { .. } => true,
        ValidationErrorKind::Required { property } => property == "type",
        _ => false,
    };
    let mut candidates = context
        .iter()
        .filter(|errors| !errors.iter().any(is_another));
    match (candidates.next(), candidates.next()) {
        (Some(errors), None) => Some(errors),
        _ => None,
    }
}

/// What the schema says of itself there.
fn described<'a>(error: &ValidationError<'_>, schema: &'a Value) -> Option<&'a str> {
    let path = error.schema_path().as_str();
    let (parent, _) = path.rsplit_once('/')?;
    schema.pointer(parent)?["description"].as_str()
}
