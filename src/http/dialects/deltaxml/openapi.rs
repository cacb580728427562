//! The OpenAPI description of the DeltaXML dialects.

use crate::http::openapi::json::json;
use serde_json::{Map, Value};

use crate::http::dialects::deltaxml::wire::Product;
use crate::http::openapi::builder::{content_replies, dialect_replies, reply, schema};

/// The statuses of errors.
const ERRORS: [&str; 14] = [
    "400", "401", "403", "404", "405", "408", "409", "412", "413", "415", "416", "421", "503",
    "507",
];

/// The schemas of XML Data Compare.
pub(crate) fn compare_schemas() -> Map<String, Value> {
    let all = [
        ("DataCompareRequest", compare()),
        ("DataCompareJob", job_schema("link", true)),
        ("DataCompareError", error("error")),
    ];
    all.map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// The schemas of XML Merge.
pub(crate) fn merge_schemas() -> Map<String, Value> {
    let all = [
        ("XmlMergeRequest", merge()),
        ("XmlMergeJob", job_schema("links", false)),
        ("XmlMergeError", error("Error")),
    ];
    all.map(|(name, schema)| (name.to_owned(), schema))
        .into_iter()
        .collect()
}

/// A reference to a schema of a product.
fn schema_of(product: Product, name: &str) -> Value {
    let prefix = match product {
        Product::Compare => "DataCompare",
        Product::Merge => "XmlMerge",
    };
    schema(&format!("{prefix}{name}"))
}

/// The list of merge types.
pub(crate) fn types() -> Value {
    let types = with_formats(
        reply("The merge types.", &[], &[]),
        &json!({ "type": "object" }),
    );
    json!({ "responses": replies(Product::Merge, &[("200", types)]) })
}

/// A submission.
pub(crate) fn submission(product: Product) -> Value {
    let request = schema_of(product, "Request");
    let mut result = reply(
        "The result. The job is deleted once the response is sent.",
        &[],
        &[],
    );
    result["content"] = json!({ "application/xml": {}, "text/html": {} });
    let accepted = reply(
        "The job was accepted. Poll `Location`.",
        &["Location", "Retry-After"],
        &[],
    );
    let accepted = with_formats(accepted, &schema_of(product, "Job"));
    json!({
        "description": "Without `async`, the server responds with the result once the work is done, however long it takes. With `async`, it responds with a job at once.",
        "requestBody": { "required": true, "content": {
            "application/xml": { "schema": request },
            "application/json": { "schema": request },
            "multipart/form-data": { "schema": { "type": "object" } },
        }},
        "responses": replies(product, &[("200", result), ("202", accepted)]),
    })
}

/// A job.
pub(crate) fn job(product: Product) -> Value {
    shown(product, reply("The job.", &[], &["Retry-After"]))
}

/// A job that was deleted.
pub(crate) fn deleted_job(product: Product) -> Value {
    shown(product, reply("The job as it was.", &[], &[]))
}

fn shown(product: Product, reply: Value) -> Value {
    let job = with_formats(reply, &schema_of(product, "Job"));
    json!({ "responses": replies(product, &[("200", job)]) })
}

/// A download.
pub(crate) fn download(product: Product) -> Value {
    let whole = "The result, or the requested range.";
    let unchanged = "The result has the `ETag` in `If-None-Match`.";
    json!({ "responses": replies(product, &content_replies(whole, unchanged)) })
}

/// The replies of a method: its own, and the errors that it can return.
fn replies(product: Product, own: &[(&str, Value)]) -> Value {
    let error = schema_of(product, "Error");
    dialect_replies(own, &ERRORS, |reply| with_formats(reply, &error))
}

/// Adds the two formats of jobs and errors, JSON and XML, to a reply.
fn with_formats(mut reply: Value, schema: &Value) -> Value {
    reply["content"] = json!({
        "application/json": { "schema": schema },
        "application/xml": {},
    });
    reply
}

/// The schema of a document: its type, and its path or URL.
fn document(path: &str, uri: &str) -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    json!({
        "type": "object", "required": ["type"],
        "properties": { "type": { "enum": ["file", "http", "inline", "job"] }, path: text, uri: text },
    })
}

fn compare() -> Value {
    let document = document("path", "uri");
    json!({
        "type": "object", "required": ["input-a", "input-b"], "xml": { "name": "compare" },
        "properties": {
            "input-a": document, "input-b": document,
            "async": {
                "type": "object",
                "properties": {
                    "callback": { "type": "string", "format": "uri" },
                    "keepResult": { "type": "boolean", "default": true },
                    "output": { "type": "object", "properties": { "path": { "type": "string" } } },
                },
            },
            "configuration": {
                "type": "object",
                "description": "Settings: ignoreChanges, keys, orderless, numericTolerance, whitespace, wordByWord and the other params of the operation, and location: an xpath such as //list, /catalog/list or //item/@id with child-order (ignore-order) or ignore-changes. An unknown setting is an error.",
            },
        },
    })
}

fn merge() -> Value {
    let mut version = document("Path", "Uri");
    version["properties"]["name"] = json!({ "type": "string", "minLength": 1 });
    version["required"] = json!(["type", "name"]);
    json!({
        "type": "object", "required": ["Versions"], "xml": { "name": "Concurrent" },
        "properties": {
            "Versions": { "type": "array", "minItems": 2, "maxItems": 64, "items": version },
            "ResultType": { "type": "string" },
            "Async": {
                "type": "object",
                "properties": {
                    "Callback": { "type": "string", "format": "uri" },
                    "Output": { "type": "object", "properties": { "Path": { "type": "string" } } },
                },
            },
            "Configuration": { "type": "object", "properties": { "Indent": { "type": "boolean" } } },
        },
    })
}

fn job_schema(links: &str, has_stages: bool) -> Value {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let mut job = json!({
        "type": "object", "required": ["jobId", "jobStatus", links],
        "properties": {
            "jobId": { "type": "string", "format": "uuid" },
            "jobStatus": { "enum": [
                "QUEUED", "STARTED", "PROCESSING", "SAVING", "SUCCESS", "FAILED", "CANCELLED", "DELETED",
            ]},
            "startTime": text, "finishedTime": text, "phaseDescription": text,
            "output": {
                "type": "object", "required": ["type", "size", "uri"],
                "properties": { "type": { "enum": ["http", "file"] }, "size": count, "uri": text, "path": text },
            },
            "error": { "type": "object" },
            links: { "type": "array", "items": { "type": "object", "required": ["href"] } },
        },
    });
    if has_stages {
        job["properties"]["totalNumberOfStages"] = count.clone();
        job["properties"]["currentStage"] = count;
        job["required"] = json!([
            "jobId",
            "jobStatus",
            "totalNumberOfStages",
            "currentStage",
            links
        ]);
    } else {
        job["properties"]["processingTime"] = count;
        job["properties"]["stageDescription"] = text;
    }
    job
}

fn error(name: &str) -> Value {
    let text = json!({ "type": "string" });
    let members = ["Message", "Id", "Code"].map(|part| format!("{name}{part}"));
    let [message, id, code] = &members;
    json!({
        "type": "object", "required": [message, id, code, "timestamp"],
        "properties": {
            message: text, id: { "type": "string", "format": "uuid" }, code: { "type": "integer" }, "timestamp": text,
        },
    })
}
