//! The OpenAPI description of the OneDrive dialect.

use serde_json::{Map, Value};

use crate::http::openapi::json::json;

use crate::http::openapi::builder::{component, id_parameter, json_reply, reply, schema};

/// The schemas of the dialect.
pub(in crate::http) fn schemas() -> Map<String, Value> {
    Map::from_iter([
        ("OneDriveItem".to_owned(), item_schema()),
        ("OneDriveError".to_owned(), error_schema()),
    ])
}

/// The tag of the dialect.
pub(in crate::http) fn tag() -> Value {
    let description = "Items and long-running actions for OneDrive clients. Every path also exists below `/v1.0`, \
                       with `/me/drive` for `/drive`, and for items that are named by their path: \
                       `/drive/root:/NAME/path` and `/drive/root:/NAME/path:/copy`. `action.copy` is an older name of \
                       `copy`.";
    json!({ "name": "onedrive", "description": description })
}

/// The paths of the dialect.
pub(in crate::http) fn paths() -> Vec<(&'static str, Value)> {
    let item = || {
        (
            "200",
            json_reply(reply("The item.", &[], &[]), &schema("OneDriveItem")),
        )
    };
    let children = || {
        let list = json!({
            "type": "object", "required": ["value"],
            "properties": { "value": { "type": "array", "items": schema("OneDriveItem") } },
        });
        (
            "200",
            json_reply(reply("The items, sorted by name.", &[], &[]), &list),
        )
    };
    let mut bytes = reply("The content of the file, or the requested range.", &[], &[]);
    bytes["content"] = json!({ "*/*": {} });
    let get = |id: &str, summary: &str, responses: Value| json!({ "operationId": id, "tags": ["onedrive"], "summary": summary, "responses": responses });
    let one = |calls: Value| {
        let mut path = json!({ "parameters": [id_parameter("item")] });
        for (method, call) in calls.as_object().into_iter().flatten() {
            path[method] = call.clone();
        }
        path
    };
    let upload = {
        let source = json!({ "type": "string", "format": "uri" });
        let body = json!({
            "type": "object", "required": ["name"],
            "anyOf": [{ "required": ["@microsoft.graph.sourceUrl"] }, { "required": ["@content.sourceUrl"] }],
            "properties": { "name": name("string"), "@microsoft.graph.sourceUrl": source, "@content.sourceUrl": source },
        });
        let mut call = action(
            "onedriveUpload",
            "Fetch a file from a URL into a folder",
            &body,
            true,
        );
        let prefer = json!({
            "in": "header", "name": "Prefer", "required": true, "schema": { "const": "respond-async" },
        });
        if let Some(parameters) = call["parameters"].as_array_mut() {
            parameters.push(prefer);
        }
        call
    };
    let path = json!({ "type": ["string", "null"], "pattern": "^/drive/root:(/[^/:]+)+$" });
    let id = json!({ "type": ["string", "null"], "pattern": "^[0-9]{1,15}$" });
    let reference = json!({ "type": ["object", "null"], "properties": { "path": path, "id": id } });
    let name = name(json!(["string", "null"]));
    let body =
        json!({ "type": "object", "properties": { "parentReference": reference, "name": name } });
    let copy = action("onedriveCopy", "Copy an item", &body, false);
    vec![
        (
            "/drive/root",
            json!({ "get": get("onedriveRoot", "Get the folder that holds the roots", replies(&[item()])) }),
        ),
        (
            "/drive/root/children",
            json!({ "get": get("onedriveRoots", "List the roots", replies(&[children()])) }),
        ),
        (
            "/drive/items/{item}",
            one(json!({ "get": get("onedriveItem", "Get a file or folder", replies(&[item()])) })),
        ),
        (
            "/drive/items/{item}/content",
            one(json!({ "get": get(
                "onedriveContent", "Download a file", replies(&[("200", bytes.clone()), ("206", bytes), ("304", reply("The file has the `ETag` in `If-None-Match`.", &[], &[]))]),
            )})),
        ),
        (
            "/drive/items/{item}/children",
            one(json!({
                "get": get("onedriveChildren", "List a folder", replies(&[children()])),
                "post": upload,
            })),
        ),
        ("/drive/items/{item}/copy", one(json!({ "post": copy }))),
    ]
}

/// An action that submits a job.
fn action(id: &str, summary: &str, body: &Value, is_required: bool) -> Value {
    let accepted = reply(
        "The job was accepted. Poll `Location`.",
        &["Location", "Retry-After"],
        &[],
    );
    json!({
        "operationId": id, "tags": ["onedrive"], "summary": summary,
        "parameters": [{
            "in": "query", "name": "@microsoft.graph.conflictBehavior",
            "description": "What to do if an item of this name exists.",
            "schema": { "enum": ["fail", "replace", "rename"], "default": "fail" },
        }],
        "requestBody": { "required": is_required, "content": { "application/json": { "schema": body } } },
        "responses": replies(&[("202", accepted)]),
    })
}

/// The schema of an item's name; `kind` is its JSON type.
fn name(kind: impl Into<Value>) -> Value {
    json!({
        "type": kind.into(), "minLength": 1, "maxLength": 255, "pattern": "^[^/\\u0000]+$",
        "not": { "enum": [".", ".."] },
    })
}

/// The replies of a method: its own, and the errors that it can return.
fn replies(own: &[(&str, Value)]) -> Value {
    let mut all = Map::new();
    for (status, reply) in own {
        all.insert((*status).to_owned(), reply.clone());
    }
    for status in [
        "400", "401", "403", "404", "405", "408", "412", "413", "416", "421", "503", "507",
    ] {
        let headers: &[&str] = match status {
            "405" => &["Allow"],
            "401" => &["WWW-Authenticate"],
            "416" => &["Content-Range"],
            _ => &[],
        };
        let error = json_reply(
            reply("The error.", headers, &[]),
            &component("schemas", "OneDriveError"),
        );
        all.insert(status.to_owned(), error);
    }
    Value::Object(all)
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
