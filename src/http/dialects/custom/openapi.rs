//! Describes the custom routes, with the field names from the configuration.

use crate::http::openapi::json::json;
use serde_json::{Map, Value};

use crate::http::dialects::custom::wire::{CustomRoute, Routes};
use crate::http::openapi::builder::{json_reply, parameter, replies, reply};
use crate::http::openapi::{results, submit};
use crate::operations::Registry;

const TAG: &str = "custom";

/// 503: the store is busy or has failed.
const STORE: u16 = 503;

/// The parameters of every submission besides the params of the operation. `Prefer` is not among them: the response is
/// always `202`.
const SUBMISSION: [&str; 7] = [
    "Idempotency-Key",
    "keep",
    "output",
    "callback",
    "callback-method",
    "traceparent",
    "tracestate",
];

/// The paths of all custom routes.
pub(in crate::http) fn paths(published: &Routes, registry: &Registry) -> Map<String, Value> {
    let mut paths = Map::new();
    for (number, route) in published.iter().enumerate() {
        // The operation exists: routes with unknown operations are rejected at startup.
        let Some((_, operation)) = registry.get(&route.operation) else {
            continue;
        };
        let id = |action: &str| format!("custom.{}.{action}", number + 1);
        let call = json!({ "post": {
            "operationId": id("submit"), "tags": [TAG], "summary": operation.description.title,
            "parameters": SUBMISSION.map(parameter),
            "requestBody": submit::body(&operation.description),
            "responses": replies(&[("202", ticket())], &[408, 409, 413, 415, 422, STORE, 507]),
        }});
        paths.insert(route.submit.text().to_owned(), call);
        let call = one(&json!({
            "operationId": id("status"), "tags": [TAG], "summary": "Get the status of a job",
            "responses": replies(&[("200", status(route))], &[404, STORE]),
        }));
        paths.insert(route.status.text().to_owned(), call);
        let mut call = json!({
            "operationId": id("result"), "tags": [TAG], "summary": "Download the result of a job",
        });
        for (name, value) in results::download().as_object().into_iter().flatten() {
            call[name] = value.clone();
        }
        let call = one(&call);
        paths.insert(route.result.text().to_owned(), call);
    }
    paths
}

/// The tag of custom routes, if there are any.
pub(in crate::http) fn tags(published: &Routes) -> Vec<Value> {
    let mut all = published.iter();
    let tag = json!({ "name": TAG, "description": "Operations at paths and with field names from the configuration." });
    all.next().map(|_| tag).into_iter().collect()
}

/// A path with a job's number in it.
fn one(call: &Value) -> Value {
    let number = json!({
        "in": "path", "name": "id", "required": true, "description": "The number of the job.",
        "schema": { "type": "integer", "minimum": 1, "maximum": 1_i64 << 40 },
    });
    json!({ "parameters": [number], "get": call })
}

fn ticket() -> Value {
    let mut ticket = reply(
        "The job was accepted. Its status is at `Location`.",
        &[],
        &["Retry-After"],
    );
    ticket["headers"]["Location"] = json!({
        "required": true, "schema": { "type": "string", "format": "uri-reference" },
    });
    ticket
}

fn status(route: &CustomRoute) -> Value {
    let words = &route.field_names;
    let states = [
        &words.queued,
        &words.running,
        &words.succeeded,
        &words.failed,
        &words.canceled,
    ];
    let mut distinct: Vec<&String> = Vec::new();
    for word in states {
        if !distinct.contains(&word) {
            distinct.push(word);
        }
    }
    let mut members = json!({
        (&words.status): { "enum": distinct },
        (&words.result): { "type": "string", "format": "uri-reference" },
    });
    let mut required = vec![&words.status];
    if let Some(name) = &words.error {
        members[name] = json!({ "type": "string" });
    }
    if let Some(name) = &words.percent {
        members[name] = json!({ "type": ["number", "null"], "minimum": 0, "maximum": 100 });
        required.push(name);
    }
    let schema = json!({ "type": "object", "required": required, "properties": members });
    json_reply(
        reply("The current status of the job.", &[], &["Retry-After"]),
        &schema,
    )
}
