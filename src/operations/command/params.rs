//! The params of a command as declared: JSON Schema, and two keys of our own, `required` and `flag`. Pure.

use indexmap::IndexMap;
use serde_json::{Map, Value};

use crate::config::CommandSpec;
use crate::operations::command::error::{SpecError, describe_error};

/// A validated param.
#[derive(Debug)]
pub(in crate::operations) struct Param {
    /// The JSON Schema, without the keys of our own.
    pub(in crate::operations) schema: Value,
    /// Whether a job must supply the param.
    pub(in crate::operations) required: bool,
    /// The text that stands for `true`; `false` and no value leave the argument out.
    flag: Option<String>,
}

impl Param {
    /// The values as text: one, several for a list, empty for none.
    pub(in crate::operations) fn texts(&self, value: &Value) -> Vec<String> {
        match &self.flag {
            Some(flag) if *value == true => vec![flag.clone()],
            Some(_) => Vec::new(),
            None => texts(value),
        }
    }

    /// Whether the param stands for a text of the declaration, not of the client.
    pub(in crate::operations) fn is_flag(&self) -> bool {
        self.flag.is_some()
    }

    /// Whether the value is not shown to clients.
    pub(in crate::operations) fn is_write_only(&self) -> bool {
        self.schema["writeOnly"] == true
    }

    /// The schema for clients. A default that is write-only like its param is used, but not shown.
    pub(in crate::operations) fn public_schema(&self) -> Value {
        let mut schema = self.schema.clone();
        if self.is_write_only()
            && let Some(members) = schema.as_object_mut()
        {
            members.shift_remove("default");
        }
        schema
    }
}

/// A value of a param as text.
pub(in crate::operations) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// Validates the declared params. They keep their order.
///
/// # Errors
/// [`SpecError`] names the first invalid key.
pub(in crate::operations) fn compile(
    spec: &CommandSpec,
) -> Result<IndexMap<String, Param>, SpecError> {
    let params = spec.params.iter();
    params
        .map(|(name, declared)| Ok((name.clone(), param(name, declared)?)))
        .collect()
}

fn param(name: &str, declared: &Value) -> Result<Param, SpecError> {
    let wrong = |key: &str, message: &str| SpecError::new(&["params", name, key], None, message);
    let Value::Object(mut schema) = declared.clone() else {
        let message = "expected a table with the JSON Schema of a param";
        return Err(SpecError::new(&["params", name], None, message));
    };
    check_spelling(name, &schema)?;
    let required = match schema.get("required") {
        Some(Value::Bool(required)) => Some(*required),
        // The keyword of JSON Schema, with the names of an object's members.
        Some(Value::Array(_)) | None => None,
        Some(other) => {
            let message = format!("expected true or false, found {other}");
            return Err(wrong("required", &message));
        }
    };
    if required.is_some() {
        schema.shift_remove("required");
    }
    let flag = match schema.shift_remove("flag") {
        Some(Value::String(flag)) if !flag.is_empty() && !flag.contains('\0') => Some(flag),
        Some(other) => {
            let message = format!("expected an argument like \"--verbose\", found {other}");
            return Err(wrong("flag", &message));
        }
        None => None,
    };
    if let Some(other) = schema.get("writeOnly").filter(|value| !value.is_boolean()) {
        let message = format!("expected true or false, found {other}");
        return Err(wrong("writeOnly", &message));
    }
    if schema
        .get("format")
        .is_some_and(|format| format == "password")
    {
        schema.insert("writeOnly".to_owned(), true.into());
    }
    if flag.is_some() {
        if schema.get("type").is_none_or(|kind| kind != "boolean") {
            return Err(wrong(
                "flag",
                "only a param with type = \"boolean\" has a flag",
            ));
        }
        if required == Some(true) {
            let message =
                "a param with a flag is never required: without a value the argument is left out";
            return Err(wrong("required", message));
        }
        schema.entry("default").or_insert(false.into());
    }
    let has_default = schema
        .get("default")
        .is_some_and(|default| !default.is_null());
    if required == Some(true) && has_default {
        let message =
            "a param with a default is never required; remove \"required\" or \"default\"";
        return Err(wrong("required", message));
    }
    let param = Param {
        schema: Value::Object(schema),
        required: required.unwrap_or(!has_default),
        flag,
    };
    check_schema(name, &param)?;
    Ok(param)
}

/// Rejects other spellings of our keys, which JSON Schema would ignore: a value that is meant to be hidden would be shown.
fn check_spelling(name: &str, schema: &Map<String, Value>) -> Result<(), SpecError> {
    for key in schema.keys() {
        let plain = key.replace(['-', '_'], "").to_lowercase();
        let meant = ["writeOnly", "required", "flag"]
            .into_iter()
            .find(|word| plain == word.to_lowercase());
        if let Some(meant) = meant.filter(|word| word != key) {
            let message = format!("unknown key {key:?}; did you mean {meant:?}?");
            return Err(SpecError::new(&["params", name, key], None, message));
        }
    }
    Ok(())
}

fn check_schema(name: &str, param: &Param) -> Result<(), SpecError> {
    let wrong = |message: String| SpecError::new(&["params", name], None, message);
    let validator = jsonschema::validator_for(&param.schema)
        .map_err(|error| wrong(format!("invalid JSON Schema: {}", describe_error(&error))))?;
    if let Some(default) = param.schema.get("default") {
        validator.validate(default).map_err(|error| {
            let error = if param.is_write_only() {
                error.masked_with("the value").to_string()
            } else {
                error.to_string()
            };
            wrong(format!("the default does not match the schema: {error}"))
        })?;
    }
    Ok(())
}
