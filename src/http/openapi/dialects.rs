//! The addresses of other systems' clients, as far as they are served.

use serde_json::{Map, Value};

use crate::config::{Dialect, Dialects};
use crate::http::dialects::deltaxml::openapi as deltaxml;
use crate::http::openapi::{component, json_reply, replies, reply, schema};

/// What a call that looks at the store may meet.
const STORE: u16 = 503;

/// The addresses.
pub(in crate::http) fn paths(dialects: &Dialects) -> Map<String, Value> {
    let mut paths = Vec::new();
    if dialects.has(Dialect::Driveonweb) {
        paths.extend(driveonweb());
    }
    if dialects.has(Dialect::Onedrive) {
        paths.extend(onedrive());
    }
    let paths = paths.into_iter();
    let paths = paths.map(|(path, item)| (path.to_owned(), item));
    paths.chain(deltaxml::paths(dialects)).collect()
}

/// What they share.
pub(in crate::http) fn schemas(dialects: &Dialects) -> Map<String, Value> {
    let mut schemas = Map::new();
    if dialects.has(Dialect::Driveonweb) {
        schemas.insert("DriveonwebEntry".into(), driveonweb_entry());
        schemas.insert("DriveonwebJob".into(), driveonweb_job());
    }
    if dialects.has(Dialect::Onedrive) {
        schemas.insert("OneDriveItem".into(), onedrive_item());
        schemas.insert("OneDriveError".into(), onedrive_error());
    }
    schemas.extend(deltaxml::schemas(dialects));
    schemas
}

/// What they are about.
pub(in crate::http) fn tags(dialects: &Dialects) -> Vec<Value> {
    let mut tags = Vec::new();
    if dialects.has(Dialect::Driveonweb) {
        tags.push(json!({ "name": "driveonweb", "description": "Polling jobs, for driveonweb's clients." }));
    }
    if dialects.has(Dialect::Onedrive) {
        let about = "Items and long-running actions, for OneDrive's clients. Every address is there below `/v1.0` too, \
                     the drive as `/me/drive` as well, and an item can be named by its path as well: `/drive/root:/NAME/path`, `/drive/root:/NAME/path:/copy`. \
                     `action.copy` is an older name of `copy`.";
        tags.push(json!({ "name": "onedrive", "description": about }));
    }
    tags.extend(deltaxml::tags(dialects));
    tags
}

fn number(name: &str) -> Value {
    json!({
        "in": "path", "name": name, "required": true, "description": "A number, as lists give it.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 1_i64 << 40 },
    })
}

fn driveonweb() -> Vec<(&'static str, Value)> {
    let list = |what: &str| {
        let entries = json!({ "type": "array", "items": schema("DriveonwebEntry") });
        ("200", json_reply(reply(what, &[], &[]), &entries))
    };
    let get = |id: &str, summary: &str, parameters: Value, responses: Value| {
        json!({ "get": {
            "operationId": id, "tags": ["driveonweb"], "summary": summary, "parameters": parameters,
            "responses": responses,
        }})
    };
    let begun = || {
        let body = json!({
            "type": "object", "required": ["location"],
            "properties": { "location": { "type": "string", "format": "uri-reference" } },
        });
        let mut reply = json_reply(reply("It is polled there.", &[], &[]), &body);
        reply["headers"] = json!({ "Location": {
            "required": true, "schema": { "type": "string", "format": "uri-reference" },
        }});
        ("303", reply)
    };
    let job = || {
        let reply = reply("The job as it is now.", &[], &["Retry-After"]);
        let problems = [404, STORE];
        replies(
            &[("200", json_reply(reply, &schema("DriveonwebJob")))],
            &problems,
        )
    };
    let target = json!({
        "in": "query", "name": "target", "required": true, "description": "The folder that the copy goes to.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 1_i64 << 40 },
    });
    let mut bytes = reply("The bytes.", &[], &[]);
    bytes["content"] = json!({ "*/*": {} });
    let download = replies(
        &[
            ("200", bytes.clone()),
            ("206", bytes),
            ("304", reply("As it was.", &[], &[])),
        ],
        &[404, 412, 416, 422, STORE],
    );
    let refused = [404, 422, STORE, 507];
    vec![
        (
            "/rest/folders",
            get(
                "driveonwebRoots",
                "The roots",
                json!([]),
                replies(&[list("They, as folders.")], &[STORE, 507]),
            ),
        ),
        (
            "/rest/folders/{folder}",
            get(
                "driveonwebFolder",
                "What is in a folder",
                json!([number("folder")]),
                replies(
                    &[list("Files and folders, by name.")],
                    &[404, 422, STORE, 507],
                ),
            ),
        ),
        (
            "/rest/folders/{folder}/zip",
            get(
                "driveonwebZip",
                "Zip a folder",
                json!([number("folder")]),
                replies(&[begun()], &refused),
            ),
        ),
        (
            "/rest/folders/{folder}/copy",
            get(
                "driveonwebCopy",
                "Copy a folder into another",
                json!([number("folder"), target]),
                replies(&[begun()], &refused),
            ),
        ),
        (
            "/rest/jobs/zip/{job}",
            get(
                "driveonwebZipJob",
                "Poll; the answer comes later each time",
                json!([number("job")]),
                job(),
            ),
        ),
        (
            "/rest/jobs/copy/{job}",
            get(
                "driveonwebCopyJob",
                "Poll; the answer comes later each time",
                json!([number("job")]),
                job(),
            ),
        ),
        (
            "/rest/files/{file}/download",
            get(
                "driveonwebDownload",
                "A file, or what a job made",
                json!([number("file")]),
                download,
            ),
        ),
    ]
}

fn driveonweb_entry() -> Value {
    json!({
        "type": "object", "required": ["id", "name", "type", "size"],
        "properties": {
            "id": { "type": "integer" }, "name": { "type": "string" },
            "type": { "enum": ["folder", "file"] }, "size": { "type": "integer", "minimum": 0 },
        },
    })
}

fn driveonweb_job() -> Value {
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

fn onedrive() -> Vec<(&'static str, Value)> {
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
        ("200", json_reply(reply("Items, by name.", &[], &[]), &list))
    };
    let mut bytes = reply("The bytes.", &[], &[]);
    bytes["content"] = json!({ "*/*": {} });
    let get = |id: &str, summary: &str, responses: Value| json!({ "operationId": id, "tags": ["onedrive"], "summary": summary, "responses": responses });
    let one = |calls: Value| {
        let mut path = json!({ "parameters": [number("item")] });
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
            json!({ "get": get("onedriveRoot", "The folder of all roots", refusals(&[item()])) }),
        ),
        (
            "/drive/root/children",
            json!({ "get": get("onedriveRoots", "The roots", refusals(&[children()])) }),
        ),
        (
            "/drive/items/{item}",
            one(json!({ "get": get("onedriveItem", "A file or folder", refusals(&[item()])) })),
        ),
        (
            "/drive/items/{item}/content",
            one(json!({ "get": get(
                "onedriveContent", "A file's bytes", refusals(&[("200", bytes.clone()), ("206", bytes), ("304", reply("It is what `If-None-Match` names.", &[], &[]))]),
            )})),
        ),
        (
            "/drive/items/{item}/children",
            one(json!({
                "get": get("onedriveChildren", "What is in a folder", refusals(&[children()])),
                "post": upload,
            })),
        ),
        ("/drive/items/{item}/copy", one(json!({ "post": copy }))),
    ]
}

/// An action that begins a job.
fn action(id: &str, summary: &str, body: &Value, is_required: bool) -> Value {
    let accepted = reply(
        "It is done, and can be watched there.",
        &["Location", "Retry-After"],
        &[],
    );
    json!({
        "operationId": id, "tags": ["onedrive"], "summary": summary,
        "parameters": [{
            "in": "query", "name": "@microsoft.graph.conflictBehavior",
            "description": "What to do if the name is taken.",
            "schema": { "enum": ["fail", "replace", "rename"], "default": "fail" },
        }],
        "requestBody": { "required": is_required, "content": { "application/json": { "schema": body } } },
        "responses": refusals(&[("202", accepted)]),
    })
}

/// An entry's name; `kind` is the type that it may have.
fn name(kind: impl Into<Value>) -> Value {
    json!({
        "type": kind.into(), "minLength": 1, "maxLength": 255, "pattern": "^[^/\\u0000]+$",
        "not": { "enum": [".", ".."] },
    })
}

/// The replies of a call: its own, and what it may be refused with.
fn refusals(own: &[(&str, Value)]) -> Value {
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
        let refusal = json_reply(
            reply("An error.", headers, &[]),
            &component("schemas", "OneDriveError"),
        );
        all.insert(status.to_owned(), refusal);
    }
    Value::Object(all)
}

fn onedrive_item() -> Value {
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

fn onedrive_error() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object", "required": ["error"],
        "properties": { "error": {
            "type": "object", "required": ["code", "message"], "properties": { "code": text, "message": text },
        }},
    })
}
