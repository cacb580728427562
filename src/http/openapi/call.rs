//! One method at one address, as the description has it.

use serde_json::{Map, Value};

use super::{parameter, replies};

/// What a method does.
#[derive(Default)]
pub(super) struct OperationDoc<'a> {
    /// Its `operationId`.
    pub(super) id: &'a str,
    pub(super) tag: &'a str,
    pub(super) summary: &'a str,
    /// Left out where there is nothing to add.
    pub(super) description: &'a str,
    /// The names of parameters that are described once for all.
    pub(super) parameters: &'a [&'a str],
}

impl OperationDoc<'_> {
    /// It has these replies, and these problems besides those that every request may meet.
    pub(super) fn answered(self, own: &[(&str, Value)], problems: &[u16]) -> Value {
        let mut call =
            json!({ "operationId": self.id, "tags": [self.tag], "summary": self.summary });
        if !self.description.is_empty() {
            call["description"] = self.description.into();
        }
        if !self.parameters.is_empty() {
            call["parameters"] = self.parameters.iter().map(|name| parameter(name)).collect();
        }
        call["responses"] = replies(own, problems);
        call
    }
}

/// An address that takes one method.
pub(super) fn alone(method: &str, call: Value) -> Value {
    Map::from_iter([(method.to_owned(), call)]).into()
}

/// An address below a parameter that takes one method.
pub(super) fn below(name: &str, method: &str, call: Value) -> Value {
    let mut item = alone(method, call);
    item["parameters"] = json!([parameter(name)]);
    item
}
