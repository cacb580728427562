//! The OpenAPI description of the driveonweb dialect.

use serde_json::{Map, Value};

use crate::http::openapi::json::json;

use crate::http::openapi::builder::{content_replies, json_reply, reply, schema, with_replies};

/// 503: the store is busy or has failed.
const STORE: u16 = 503;

/// The schemas of the dialect.
pub(in crate::http) fn schemas() -> Map<String, Value> {
    Map::from_iter([
        ("DriveonwebEntry".to_owned(), entry()),
        ("DriveonwebJob".to_owned(), job_schema()),
    ])
}

/// `GET /rest/folders`.
pub(crate) fn roots() -> Value {
    with_replies(&[list("The roots, as folders.")], &[STORE, 507])
}

/// `GET /rest/folders/{folder}`.
pub(crate) fn folder() -> Value {
    let entries = list("The files and folders, sorted by name.");
    with_replies(&[entries], &[404, 422, STORE, 507])
}

/// `GET /rest/folders/{folder}/zip`.
pub(crate) fn zip() -> Value {
    with_replies(&[accepted()], &[404, 422, STORE, 507])
}

/// `GET /rest/folders/{folder}/copy`.
pub(crate) fn copy() -> Value {
    let mut copy = zip();
    copy["parameters"] = json!([{
        "in": "query", "name": "target", "required": true, "description": "The number of the folder to copy into.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 1_i64 << 40 },
    }]);
    copy
}

/// `GET /rest/jobs/zip/{job}` and `/copy/{job}`.
pub(crate) fn job() -> Value {
    let reply = reply("The current state of the job.", &[], &["Retry-After"]);
    let reply = json_reply(reply, &schema("DriveonwebJob"));
    with_replies(&[("200", reply)], &[404, STORE])
}

/// `GET /rest/files/{file}/download`.
pub(crate) fn download() -> Value {
    let whole = "The content of the file, or the requested range.";
    let unchanged = "The file has the `ETag` in `If-None-Match`.";
    with_replies(
        &content_replies(whole, unchanged),
        &[404, 412, 416, 422, STORE],
    )
}

fn list(description: &str) -> (&'static str, Value) {
    let entries = json!({ "type": "array", "items": schema("DriveonwebEntry") });
    ("200", json_reply(reply(description, &[], &[]), &entries))
}

fn accepted() -> (&'static str, Value) {
    let body = json!({
        "type": "object", "required": ["location"],
        "properties": { "location": { "type": "string", "format": "uri-reference" } },
    });
    let mut reply = json_reply(
        reply("The job was accepted. Poll `Location`.", &[], &[]),
        &body,
    );
    reply["headers"] = json!({ "Location": {
        "required": true, "schema": { "type": "string", "format": "uri-reference" },
    }});
    ("303", reply)
}

fn entry() -> Value {
    json!({
        "type": "object", "required": ["id", "name", "type", "size"],
        "properties": {
            "id": { "type": "integer" }, "name": { "type": "string" },
            "type": { "enum": ["folder", "file"] }, "size": { "type": "integer", "minimum": 0 },
        },
    })
}

fn job_schema() -> Value {
    let ms = json!({ "type": ["string", "null"], "pattern": "^[0-9]+$" });
    let result = json!({ "type": ["integer", "null"] });
    json!({
        "type": "object",
        "required": [
            "id", "numberOfPolls", "creationDate", "lastAccessDate", "jobState", "jobType", "pollingEndpoint",
            "pollingUrl", "type",
        ],
        "properties": {
            "id": { "type": "integer" }, "numberOfPolls": { "type": "integer", "minimum": 0 },
            "creationDate": ms, "lastAccessDate": ms, "jobState": { "enum": ["RUNNING", "DONE", "FAILURE"] },
            "jobType": { "enum": ["ZIP", "COPY"] }, "zipResult": result, "copyResult": result,
            "type": { "enum": ["zipPollingJob", "copyPollingJob"] },
        },
    })
}
