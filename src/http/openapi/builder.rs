//! Building blocks of the OpenAPI document: references, replies, and methods of a path.

use serde_json::{Map, Value};

/// A reference to `#/components/<kind>/<name>`.
pub(crate) fn component(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// A reference to a schema.
pub(crate) fn schema(name: &str) -> Value {
    component("schemas", name)
}

/// A reference to a parameter.
pub(crate) fn parameter(name: &str) -> Value {
    component("parameters", name)
}

/// A reply with the headers that it always has and those that it sometimes has.
pub(crate) fn reply(description: &str, always: &[&str], sometimes: &[&str]) -> Value {
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
pub(crate) fn json_reply(mut reply: Value, schema: &Value) -> Value {
    reply["content"] = json!({ "application/json": { "schema": schema } });
    reply
}

/// The replies of a method: its own, the given problems, and the problems that every request can get.
pub(crate) fn replies(own: &[(&str, Value)], problems: &[u16]) -> Value {
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

/// What the document says about a route besides its id, tag and summary.
#[derive(Default)]
pub(crate) struct RouteDoc<'a> {
    /// More than the summary; omitted from the document if empty.
    pub(crate) description: &'a str,
    /// The names of shared parameters, see [`components`](super::components).
    pub(crate) parameters: &'a [&'a str],
}

impl RouteDoc<'_> {
    /// The description with the route's own replies, the given problems, and the problems that every request can get.
    pub(crate) fn with_replies(self, own: &[(&str, Value)], problems: &[u16]) -> Value {
        let mut doc = json!({});
        if !self.description.is_empty() {
            doc["description"] = self.description.into();
        }
        if !self.parameters.is_empty() {
            doc["parameters"] = self.parameters.iter().map(|name| parameter(name)).collect();
        }
        doc["responses"] = replies(own, problems);
        doc
    }
}

/// The description of a route without parameters or details.
pub(crate) fn with_replies(own: &[(&str, Value)], problems: &[u16]) -> Value {
    RouteDoc::default().with_replies(own, problems)
}

/// The replies of a download: the whole content, a range of it, and `304`.
pub(crate) fn content_replies(whole: &str, unchanged: &str) -> [(&'static str, Value); 3] {
    let mut bytes = reply(whole, &[], &[]);
    bytes["content"] = json!({ "*/*": {} });
    [
        ("200", bytes.clone()),
        ("206", bytes),
        ("304", reply(unchanged, &[], &[])),
    ]
}

/// The replies of a method: its own, and one for each status of the dialect's errors.
pub(crate) fn dialect_replies(
    own: &[(&str, Value)],
    errors: &[&str],
    error: impl Fn(Value) -> Value,
) -> Value {
    let mut all: Map<_, _> = own
        .iter()
        .map(|(status, reply)| ((*status).to_owned(), reply.clone()))
        .collect();
    for status in errors {
        let headers: &[&str] = match *status {
            "405" => &["Allow"],
            "401" => &["WWW-Authenticate"],
            "416" => &["Content-Range"],
            _ => &[],
        };
        let reply = error(reply("The error.", headers, &[]));
        all.insert((*status).to_owned(), reply);
    }
    Value::Object(all)
}

/// The parameter in a path.
pub(crate) fn path_parameter(name: &str) -> Value {
    let (description, schema) = match name {
        "uuid" => (
            "The id of the job.",
            json!({ "type": "string", "format": "uuid" }),
        ),
        "folder" | "file" | "job" | "item" => (
            "The number of the file, folder or job, as listings and jobs return it.",
            json!({ "type": "integer", "minimum": 0, "maximum": 1_i64 << 40 }),
        ),
        shared => return parameter(shared),
    };
    json!({ "in": "path", "name": name, "required": true, "description": description, "schema": schema })
}
