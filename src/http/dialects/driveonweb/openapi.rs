//! The OpenAPI description of the driveonweb dialect.

use serde_json::{Map, Value};

use crate::http::openapi::json::json;

use crate::http::openapi::builder::{id_parameter, json_reply, replies, reply, schema};

/// 503: the store is busy or has failed.
const STORE: u16 = 503;

/// The schemas of the dialect.
pub(in crate::http) fn schemas() -> Map<String, Value> {
    Map::from_iter([
        ("DriveonwebEntry".to_owned(), entry()),
        ("DriveonwebJob".to_owned(), job_schema()),
    ])
}

/// The tag of the dialect.
pub(in crate::http) fn tag() -> Value {
    json!({ "name": "driveonweb", "description": "Folders, files and polling jobs for driveonweb clients." })
}

/// The paths of the dialect.
pub(in crate::http) fn paths() -> Vec<(&'static str, Value)> {
    let list = |description: &str| {
        let entries = json!({ "type": "array", "items": schema("DriveonwebEntry") });
        ("200", json_reply(reply(description, &[], &[]), &entries))
    };
    let get = |id: &str, summary: &str, parameters: Value, responses: Value| {
        json!({ "get": {
            "operationId": id, "tags": ["driveonweb"], "summary": summary, "parameters": parameters,
            "responses": responses,
        }})
    };
    let accepted = || {
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
    };
    let job = || {
        let reply = reply("The current state of the job.", &[], &["Retry-After"]);
        let problems = [404, STORE];
        replies(
            &[("200", json_reply(reply, &schema("DriveonwebJob")))],
            &problems,
        )
    };
    let target = json!({
        "in": "query", "name": "target", "required": true, "description": "The number of the folder to copy into.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 1_i64 << 40 },
    });
    let mut bytes = reply("The content of the file, or the requested range.", &[], &[]);
    bytes["content"] = json!({ "*/*": {} });
    let download = replies(
        &[
            ("200", bytes.clone()),
            ("206", bytes),
            (
                "304",
                reply("The file has the `ETag` in `If-None-Match`.", &[], &[]),
            ),
        ],
        &[404, 412, 416, 422, STORE],
    );
    let refused = [404, 422, STORE, 507];
    vec![
        (
            "/rest/folders",
            get(
                "driveonwebRoots",
                "List the roots",
                json!([]),
                replies(&[list("The roots, as folders.")], &[STORE, 507]),
            ),
        ),
        (
            "/rest/folders/{folder}",
            get(
                "driveonwebFolder",
                "List a folder",
                json!([id_parameter("folder")]),
                replies(
                    &[list("The files and folders, sorted by name.")],
                    &[404, 422, STORE, 507],
                ),
            ),
        ),
        (
            "/rest/folders/{folder}/zip",
            get(
                "driveonwebZip",
                "Zip a folder",
                json!([id_parameter("folder")]),
                replies(&[accepted()], &refused),
            ),
        ),
        (
            "/rest/folders/{folder}/copy",
            get(
                "driveonwebCopy",
                "Copy a folder into another",
                json!([id_parameter("folder"), target]),
                replies(&[accepted()], &refused),
            ),
        ),
        (
            "/rest/jobs/zip/{job}",
            get(
                "driveonwebZipJob",
                "Poll a job; the server delays each response longer than the one before",
                json!([id_parameter("job")]),
                job(),
            ),
        ),
        (
            "/rest/jobs/copy/{job}",
            get(
                "driveonwebCopyJob",
                "Poll a job; the server delays each response longer than the one before",
                json!([id_parameter("job")]),
                job(),
            ),
        ),
        (
            "/rest/files/{file}/download",
            get(
                "driveonwebDownload",
                "Download a file or the result of a job",
                json!([id_parameter("file")]),
                download,
            ),
        ),
    ]
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
