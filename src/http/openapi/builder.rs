//! Building blocks of the OpenAPI document: references, replies, and methods of a path.

use serde_json::{Map, Value};

/// A reference to `#/components/<kind>/<name>`.
pub(in crate::http) fn component(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// A reference to a schema.
pub(in crate::http) fn schema(name: &str) -> Value {
    component("schemas", name)
}

/// A reference to a parameter.
pub(in crate::http) fn parameter(name: &str) -> Value {
    component("parameters", name)
}

/// A reply with the headers that it always has and those that it sometimes has.
pub(in crate::http) fn reply(description: &str, always: &[&str], sometimes: &[&str]) -> Value {
    let mut headers = Map::new();
    for name in sometimes {
        headers.insert((*name).to_owned(), component("headers", name));
    }
    for name in always {
        // A reference cannot say `required`, so these point at the schema behind the header.
        let behind = component("headers", &format!("{name}/schema"));
        headers.insert(
            (*name).to_owned(),
            json!({ "required": true, "schema": behind }),
        );
    }
    json!({ "description": description, "headers": headers })
}

/// Adds a JSON body of this schema to a reply.
pub(in crate::http) fn json_reply(mut reply: Value, schema: &Value) -> Value {
    reply["content"] = json!({ "application/json": { "schema": schema } });
    reply
}

/// The replies of a method: its own, the given problems, and the problems that every request can get.
pub(in crate::http) fn replies(own: &[(&str, Value)], problems: &[u16]) -> Value {
    const EVERYWHERE: [u16; 5] = [400, 401, 403, 405, 421];
    let mut replies = Map::new();
    for (status, reply) in own {
        replies.insert((*status).to_owned(), reply.clone());
    }
    for status in EVERYWHERE.iter().chain(problems) {
        replies.insert(
            status.to_string(),
            component("responses", &status.to_string()),
        );
    }
    Value::Object(replies)
}

/// The description of one method of a path (an OpenAPI "operation").
#[derive(Default)]
pub(in crate::http) struct OperationDoc<'a> {
    /// The `operationId`.
    pub(in crate::http) id: &'a str,
    /// The tag that groups it.
    pub(in crate::http) tag: &'a str,
    /// One line without a full stop.
    pub(in crate::http) summary: &'a str,
    /// Details; omitted from the document if empty.
    pub(in crate::http) description: &'a str,
    /// The names of shared parameters, see [`components`](super::components).
    pub(in crate::http) parameters: &'a [&'a str],
}

impl OperationDoc<'_> {
    /// The method with its own replies, the given problems, and the problems that every request can get.
    pub(in crate::http) fn with_replies(self, own: &[(&str, Value)], problems: &[u16]) -> Value {
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

/// A path with one method.
pub(in crate::http) fn path_item(method: &str, call: Value) -> Value {
    Map::from_iter([(method.to_owned(), call)]).into()
}

/// A path with one shared path parameter and one method.
pub(in crate::http) fn path_item_with_parameter(name: &str, method: &str, call: Value) -> Value {
    let mut item = path_item(method, call);
    item["parameters"] = json!([parameter(name)]);
    item
}

/// A path parameter that is the number of a file, folder or job in a dialect.
pub(in crate::http) fn id_parameter(name: &str) -> Value {
    json!({
        "in": "path", "name": name, "required": true, "description": "The number of the file, folder or job, as listings and jobs return it.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 1_i64 << 40 },
    })
}
