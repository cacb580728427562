//! The addresses of the operator's own, in the operator's words.

use crate::http::openapi::json::json;
use serde_json::{Map, Value};

use crate::http::dialects::custom::wire::{Published, Routes};
use crate::http::openapi::{json_reply, parameter, replies, reply, results, submit};
use crate::operations::Registry;

const TAG: &str = "custom";

/// What a call that looks at the store may meet.
const STORE: u16 = 503;

/// What every submission may have besides its params; the answer is always a ticket.
const SUBMISSION: [&str; 5] = [
    "Idempotency-Key",
    "keep",
    "output",
    "callback",
    "callback-method",
];

/// The addresses.
pub(in crate::http) fn paths(published: &Routes, registry: &Registry) -> Map<String, Value> {
    let mut paths = Map::new();
    for (number, route) in published.iter().enumerate() {
        // There is one, or the server would not have started.
        let Some((_, operation)) = registry.get(&route.operation) else {
            continue;
        };
        let id = |what: &str| format!("custom.{}.{what}", number + 1);
        let call = json!({ "post": {
            "operationId": id("submit"), "tags": [TAG], "summary": operation.description.title,
            "parameters": SUBMISSION.map(parameter),
            "requestBody": submit::body(&operation.description),
            "responses": replies(&[("202", ticket())], &[408, 409, 413, 415, 422, STORE, 507]),
        }});
        paths.insert(route.submit.text().to_owned(), call);
        let call = one(&json!({
            "operationId": id("status"), "tags": [TAG], "summary": "How a job is doing",
            "responses": replies(&[("200", status(route))], &[404, STORE]),
        }));
        paths.insert(route.status.text().to_owned(), call);
        let call = one(&results::result_call(
            &id("result"),
            TAG,
            "The result of a job",
        ));
        paths.insert(route.result.text().to_owned(), call);
    }
    paths
}

/// What they are about.
pub(in crate::http) fn tags(published: &Routes) -> Vec<Value> {
    let mut all = published.iter();
    let tag = json!({ "name": TAG, "description": "Operations under addresses and in words of their operator's own." });
    all.next().map(|_| tag).into_iter().collect()
}

/// A call about one job.
fn one(call: &Value) -> Value {
    let number = json!({
        "in": "path", "name": "id", "required": true, "description": "The job's number.",
        "schema": { "type": "integer", "minimum": 1, "maximum": 1_i64 << 40 },
    });
    json!({ "parameters": [number], "get": call })
}

fn ticket() -> Value {
    let mut ticket = reply("The job's state is at `Location`.", &[], &["Retry-After"]);
    ticket["headers"]["Location"] = json!({
        "required": true, "schema": { "type": "string", "format": "uri-reference" },
    });
    ticket
}

fn status(route: &Published) -> Value {
    let words = &route.words;
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
        reply("The job as it is now.", &[], &["Retry-After"]),
        &schema,
    )
}
