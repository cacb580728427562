//! What placeholders stand for: params as text, files as their paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::declaration::Plan;
use super::inputs::{Input, plain_name};
use super::template::{Place, Values};
use crate::operations::Fault;

/// The values of one attempt.
pub(super) struct Given<'a> {
    pub(super) plan: &'a Plan,
    pub(super) params: &'a Value,
    pub(super) inputs: BTreeMap<String, Vec<Input>>,
    pub(super) home: PathBuf,
    pub(super) folder: PathBuf,
    /// The result's name.
    pub(super) filename: String,
}

impl Values for Given<'_> {
    fn values(&self, place: &Place) -> Vec<String> {
        let inputs = |name: &String| self.inputs.get(name).map_or(&[][..], Vec::as_slice);
        match place {
            Place::Param(name) => texts(param(self.plan, self.params, name)),
            Place::Input(name) => inputs(name).iter().map(|one| text(&one.path)).collect(),
            Place::Stem(name) => inputs(name).iter().map(|one| one.stem.clone()).collect(),
            Place::Output => vec![text(&self.folder.join(&self.filename))],
            Place::OutputDir => vec![text(&self.folder)],
            Place::Work => vec![text(&self.home)],
        }
    }
}

impl Given<'_> {
    /// The name that the result is to have: of a list, the first one's.
    pub(super) fn name_result(&mut self) {
        let names = self.plan.filename.render(self);
        let name = names.first().map_or("result", String::as_str);
        self.filename = plain_name(name);
    }
}

/// Finds params that no argument can hold, and those that would become an option.
pub(super) fn check(plan: &Plan, params: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, schema) in &plan.spec.params {
        let texts = texts(param(plan, params, name));
        let mut fault = |detail: &str| {
            faults.push(Fault {
                pointer: format!("#/{name}"),
                detail: detail.to_owned(),
            });
        };
        if texts.iter().any(|text| text.contains('\0')) {
            fault("It holds a NUL.");
        }
        let begins = |template: &super::template::Template| template.first_param() == Some(name);
        if texts.iter().any(|text| text.starts_with('-'))
            && !says_what_may_be(schema)
            && plan.arguments.iter().any(begins)
        {
            fault("It begins with '-' and would be taken for an option.");
        }
    }
    faults
}

/// Whether a schema says which values there are, so that one with a leading `-` is meant to be one of them.
fn says_what_may_be(schema: &Value) -> bool {
    let is_number = |name: &Value| name == "integer" || name == "number";
    let types = match &schema["type"] {
        Value::Array(types) => types.as_slice(),
        one => std::slice::from_ref(one),
    };
    let keys = ["enum", "const", "pattern"];
    keys.iter().any(|key| schema.get(key).is_some()) || types.iter().all(is_number)
}

fn param<'a>(plan: &'a Plan, params: &'a Value, name: &str) -> &'a Value {
    let default = || &plan.spec.params[name]["default"];
    params.get(name).unwrap_or_else(default)
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        other => vec![other.to_string()],
    }
}

/// Paths of ours are UTF-8 but for the data folder, which may be anything.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
