//! The values of placeholders: params as text, files as paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::operations::InvalidParam;
use crate::operations::command::declaration::Plan;
use crate::operations::command::inputs::{Input, plain_name};
use crate::operations::command::params::texts;
use crate::operations::command::template::{Placeholder, Template, Values};

/// The values of one attempt.
pub(in crate::operations) struct TemplateValues<'a> {
    pub(in crate::operations) plan: &'a Plan,
    pub(in crate::operations) params: &'a Value,
    pub(in crate::operations) inputs: BTreeMap<String, Vec<Input>>,
    pub(in crate::operations) home: PathBuf,
    pub(in crate::operations) folder: PathBuf,
    /// The result's name.
    pub(in crate::operations) filename: String,
}

impl Values for TemplateValues<'_> {
    fn values(&self, place: &Placeholder) -> Vec<String> {
        let inputs = |name: &String| self.inputs.get(name).map_or(&[][..], Vec::as_slice);
        match place {
            Placeholder::Param(name) => {
                self.plan.params[name].texts(param(self.plan, self.params, name))
            }
            Placeholder::Input(name) => inputs(name).iter().map(|one| text(&one.path)).collect(),
            Placeholder::Stem(name) => inputs(name).iter().map(|one| one.stem.clone()).collect(),
            Placeholder::Output => vec![text(&self.folder.join(&self.filename))],
            Placeholder::OutputDir => vec![text(&self.folder)],
            Placeholder::Work => vec![text(&self.home)],
        }
    }
}

impl TemplateValues<'_> {
    /// Sets the result's file name; a list contributes its first item.
    pub(in crate::operations) fn name_result(&mut self) {
        let names = self.plan.filename.render(self);
        let name = names.first().map_or("result", String::as_str);
        self.filename = plain_name(name);
    }
}

/// Rejects params that cannot be passed as an argument, and those that the program would take for an option.
pub(in crate::operations) fn check(plan: &Plan, params: &Value) -> Vec<InvalidParam> {
    let mut faults = Vec::new();
    for (name, declared) in plan.params.iter().filter(|(_, param)| !param.is_flag()) {
        let value = param(plan, params, name);
        let texts = texts(value);
        let mut fault = |detail: &str| {
            faults.push(InvalidParam {
                pointer: format!("#/{name}"),
                detail: detail.to_owned(),
            });
        };
        if texts.iter().any(|text| text.contains('\0')) {
            fault("The value contains a NUL character.");
        }
        let begins = |argument: &Template| begins(argument, name, plan, params);
        if texts.iter().any(|text| text.starts_with('-'))
            && !allows(&declared.schema, value)
            && plan.arguments.iter().any(begins)
        {
            fault("The value begins with '-', which the program would take for an option.");
        }
    }
    faults
}

/// Whether an argument may begin with a param's value: only empty values precede it.
fn begins(argument: &Template, name: &str, plan: &Plan, params: &Value) -> bool {
    let may_be_empty = |one: &str| {
        let texts = plan.params[one].texts(param(plan, params, one));
        texts.iter().any(String::is_empty)
    };
    for one in argument.first_params() {
        if one == name {
            return true;
        }
        if !may_be_empty(one) {
            return false;
        }
    }
    false
}

/// Whether a schema explicitly allows a value with a leading `-`: the default, a value constrained by `enum`, `const` or
/// `pattern`, or a number where the schema expects one. A list is allowed if every item is.
fn allows(schema: &Value, value: &Value) -> bool {
    let names = ["enum", "const", "pattern"];
    if schema["default"] == *value || names.iter().any(|name| schema.get(name).is_some()) {
        return true;
    }
    let fits = |one: &&Value| jsonschema::is_valid(one, value);
    let alternatives = ["anyOf", "oneOf", "allOf"].into_iter();
    let mut alternatives =
        alternatives.flat_map(|name| schema[name].as_array().into_iter().flatten());
    if alternatives.any(|one| fits(&one) && allows(one, value)) {
        return true;
    }
    match value {
        Value::Number(_) => ["integer", "number"]
            .iter()
            .any(|kind| schema["type"] == *kind || holds(&schema["type"], kind)),
        Value::Array(items) => items.iter().all(|item| {
            let is_harmless = !texts(item).iter().any(|text| text.starts_with('-'));
            is_harmless || allows(&schema["items"], item)
        }),
        _ => false,
    }
}

fn holds(list: &Value, word: &str) -> bool {
    list.as_array()
        .is_some_and(|list| list.iter().any(|one| one == word))
}

fn param<'a>(plan: &'a Plan, params: &'a Value, name: &str) -> &'a Value {
    let default = || &plan.params[name].schema["default"];
    params.get(name).unwrap_or_else(default)
}

/// A path as text. Only the data folder's part may not be UTF-8.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
