//! One method at one address, as the description has it.

use serde_json::{Map, Value};

use crate::http::openapi::{parameter, replies};

/// What a method does.
#[derive(Default)]
pub(in crate::http) struct OperationDoc<'a> {
    /// Its `operationId`.
    pub(in crate::http) id: &'a str,
    pub(in crate::http) tag: &'a str,
    pub(in crate::http) summary: &'a str,
    /// Left out where there is nothing to add.
    pub(in crate::http) description: &'a str,
    /// The names of parameters that are described once for all.
    pub(in crate::http) parameters: &'a [&'a str],
}

impl OperationDoc<'_> {
    /// It has these replies, and these problems besides those that every request may meet.
    pub(in crate::http) fn answered(self, own: &[(&str, Value)], problems: &[u16]) -> Value {
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
pub(in crate::http) fn alone(method: &str, call: Value) -> Value {
    Map::from_iter([(method.to_owned(), call)]).into()
}

/// An address below a parameter that takes one method.
pub(in crate::http) fn below(name: &str, method: &str, call: Value) -> Value {
    let mut item = alone(method, call);
    item["parameters"] = json!([parameter(name)]);
    item
}
