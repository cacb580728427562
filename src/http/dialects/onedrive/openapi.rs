//! The OpenAPI description of the OneDrive dialect.

use serde_json::{Map, Value};

use crate::http::openapi::json::json;

use crate::http::openapi::builder::{content_replies, dialect_replies, json_reply, reply, schema};

/// The schemas of the dialect.
pub(in crate::http) fn schemas() -> Map<String, Value> {
    Map::from_iter([
        ("OneDriveItem".to_owned(), item_schema()),
        ("OneDriveError".to_owned(), error_schema()),
    ])
}

/// The statuses of errors.
const ERRORS: [&str; 12] = [
    "400", "401", "403", "404", "405", "408", "412", "413", "416", "421", "503", "507",
];

/// `GET /drive/root` and `GET /drive/items/{item}`.
pub(crate) fn item() -> Value {
    let item = json_reply(reply("The item.", &[], &[]), &schema("OneDriveItem"));
    json!({ "responses": replies(&[("200", item)]) })
}

/// `GET /drive/root/children` and `GET /drive/items/{item}/children`.
pub(crate) fn children() -> Value {
    let list = json!({
        "type": "object", "required": ["value"],
        "properties": { "value": { "type": "array", "items": schema("OneDriveItem") } },
    });
    let list = json_reply(reply("The items, sorted by name.", &[], &[]), &list);
    json!({ "responses": replies(&[("200", list)]) })
}

/// `GET /drive/items/{item}/content`.
pub(crate) fn content() -> Value {
    let whole = "The content of the file, or the requested range.";
    let unchanged = "The file has the `ETag` in `If-None-Match`.";
    json!({ "responses": replies(&content_replies(whole, unchanged)) })
}

/// `POST /drive/items/{item}/children`.
pub(crate) fn upload() -> Value {
    let source = json!({ "type": "string", "format": "uri" });
    let body = json!({
        "type": "object", "required": ["name"],
        "anyOf": [{ "required": ["@microsoft.graph.sourceUrl"] }, { "required": ["@content.sourceUrl"] }],
        "properties": { "name": name("string"), "@microsoft.graph.sourceUrl": source, "@content.sourceUrl": source },
    });
    let mut upload = action(&body, true);
    let prefer = json!({
        "in": "header", "name": "Prefer", "required": true, "schema": { "const": "respond-async" },
    });
    if let Some(parameters) = upload["parameters"].as_array_mut() {
        parameters.push(prefer);
    }
    upload
}

/// `POST /drive/items/{item}/copy`.
pub(crate) fn copy() -> Value {
    let path = json!({ "type": ["string", "null"], "pattern": "^/drive/root:(/[^/:]+)+$" });
    let id = json!({ "type": ["string", "null"], "pattern": "^[0-9]{1,15}$" });
    let reference = json!({ "type": ["object", "null"], "properties": { "path": path, "id": id } });
    let name = name(json!(["string", "null"]));
    let body =
        json!({ "type": "object", "properties": { "parentReference": reference, "name": name } });
    action(&body, false)
}

/// An action that submits a job.
fn action(body: &Value, is_required: bool) -> Value {
    let accepted = reply(
        "The job was accepted. Poll `Location`.",
        &["Location", "Retry-After"],
        &[],
    );
    json!({
        "parameters": [{
            "in": "query", "name": "@microsoft.graph.conflictBehavior",
            "description": "What to do if an item of this name exists.",
            "schema": { "enum": ["fail", "replace", "rename"], "default": "fail" },
        }],
        "requestBody": { "required": is_required, "content": { "application/json": { "schema": body } } },
        "responses": replies(&[("202", accepted)]),
    })
}

/// The replies of a method: its own, and the errors that it can return.
fn replies(own: &[(&str, Value)]) -> Value {
    dialect_replies(own, &ERRORS, |reply| {
        json_reply(reply, &schema("OneDriveError"))
    })
}

/// The schema of an item's name; `kind` is its JSON type.
fn name(kind: impl Into<Value>) -> Value {
    json!({
        "type": kind.into(), "minLength": 1, "maxLength": 255, "pattern": "^[^/\\u0000]+$",
        "not": { "enum": [".", ".."] },
    })
}

fn item_schema() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object", "required": ["id", "resourceId", "name", "size", "parentReference"],
        "properties": {
            "id": { "type": "string" }, "resourceId": { "type": "string" }, "name": { "type": "string" },
            "size": count,
            "folder": { "type": "object", "required": ["childCount"], "properties": { "childCount": count } },
            "file": {
                "type": "object", "required": ["mimeType"], "properties": { "mimeType": { "type": "string" } },
            },
            "parentReference": {
                "type": "object", "properties": { "id": { "type": "string" }, "path": { "type": "string" } },
            },
        },
    })
}

fn error_schema() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object", "required": ["error"],
        "properties": { "error": {
            "type": "object", "required": ["code", "message"], "properties": { "code": text, "message": text },
        }},
    })
}
