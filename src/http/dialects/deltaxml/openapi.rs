//! The OpenAPI description of the DeltaXML dialects.

use crate::http::openapi::json::json;
use serde_json::{Map, Value};

use crate::config::{Dialect, Dialects};
use crate::http::openapi::builder::{reply, schema};

/// The paths of the products that are served.
pub(in crate::http) fn paths(dialects: &Dialects) -> Vec<(String, Value)> {
    let mut paths = Vec::new();
    if dialects.has(Dialect::DataCompare) {
        let product = Product {
            prefix: "/api/xml-data-compare/v1",
            tag: "xml-data-compare",
            schemas: "DataCompare",
        };
        paths.push(product.submission("compare", "Compare two documents"));
        paths.extend(product.jobs());
    }
    if dialects.has(Dialect::XmlMerge) {
        let product = Product {
            prefix: "/api/xmlmerge/v1",
            tag: "xml-merge",
            schemas: "XmlMerge",
        };
        let types = json!({ "get": {
            "operationId": "xml-merge.types", "tags": [product.tag], "summary": "List the merge types",
            "responses": product.replies(&[("200", with_formats(reply("The merge types.", &[], &[]), &json!({ "type": "object" })))]),
        }});
        paths.push((format!("{}/types", product.prefix), types));
        for (word, summary) in [
            (
                "concurrent",
                "Merge versions that all derive from the first",
            ),
            ("threeway", "Merge two versions that derive from a third"),
            (
                "sequential",
                "Merge versions that each derive from the previous one",
            ),
        ] {
            paths.push(product.submission(&format!("types/{word}"), summary));
        }
        paths.extend(product.jobs());
    }
    paths
}

/// The tags of the products that are served.
pub(in crate::http) fn tags(dialects: &Dialects) -> Vec<Value> {
    let tag = |name: &str, description: &str| json!({ "name": name, "description": description });
    let mut tags = Vec::new();
    if dialects.has(Dialect::DataCompare) {
        tags.push(tag(
            "xml-data-compare",
            "Comparisons for clients of DeltaXML XML Data Compare.",
        ));
    }
    if dialects.has(Dialect::XmlMerge) {
        tags.push(tag(
            "xml-merge",
            "Merges for clients of DeltaXML XML Merge.",
        ));
    }
    tags
}

/// The schemas of the products that are served.
pub(in crate::http) fn schemas(dialects: &Dialects) -> Map<String, Value> {
    let mut schemas = Map::new();
    if dialects.has(Dialect::DataCompare) {
        schemas.insert("DataCompareRequest".into(), compare());
        schemas.insert("DataCompareJob".into(), job("link", true));
        schemas.insert("DataCompareError".into(), error("error"));
    }
    if dialects.has(Dialect::XmlMerge) {
        schemas.insert("XmlMergeRequest".into(), merge());
        schemas.insert("XmlMergeJob".into(), job("links", false));
        schemas.insert("XmlMergeError".into(), error("Error"));
    }
    schemas
}

struct Product {
    prefix: &'static str,
    tag: &'static str,
    /// The prefix of the names of its schemas.
    schemas: &'static str,
}

impl Product {
    fn schema(&self, name: &str) -> Value {
        schema(&format!("{}{name}", self.schemas))
    }

    fn submission(&self, path: &str, summary: &str) -> (String, Value) {
        let request = self.schema("Request");
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
        let post = json!({
            "operationId": format!("{}.{}", self.tag, path.rsplit('/').next().unwrap_or(path)),
            "tags": [self.tag], "summary": summary,
            "description": "Without `async`, the server responds with the result once the work is done, however long it takes. With `async`, it responds with a job at once.",
            "requestBody": { "required": true, "content": {
                "application/xml": { "schema": request },
                "application/json": { "schema": request },
                "multipart/form-data": { "schema": { "type": "object" } },
            }},
            "responses": self.replies(&[
                ("200", result),
                ("202", with_formats(accepted, &self.schema("Job"))),
            ]),
        });
        (format!("{}/{path}", self.prefix), json!({ "post": post }))
    }

    fn jobs(&self) -> Vec<(String, Value)> {
        let parameters = json!([{
            "in": "path", "name": "uuid", "required": true, "description": "The id of the job.",
            "schema": { "type": "string", "format": "uuid" },
        }]);
        let job = |description: &str, sometimes: &[&str]| {
            let reply = reply(description, &[], sometimes);
            self.replies(&[("200", with_formats(reply, &self.schema("Job")))])
        };
        let call = |name: &str, summary: &str, responses: Value| {
            json!({
                "operationId": format!("{}.{name}", self.tag), "tags": [self.tag], "summary": summary,
                "responses": responses,
            })
        };
        let mut bytes = reply("The result, or the requested range.", &[], &[]);
        bytes["content"] = json!({ "*/*": {} });
        let download = self.replies(&[
            ("200", bytes.clone()),
            ("206", bytes),
            (
                "304",
                reply("The result has the `ETag` in `If-None-Match`.", &[], &[]),
            ),
        ]);
        vec![
            (
                format!("{}/jobs/{{uuid}}", self.prefix),
                json!({
                    "parameters": parameters,
                    "get": call("job", "Get a job", job("The job.", &["Retry-After"])),
                    "delete": call("delete", "Cancel a job if it has not finished, and delete it", job("The job as it was.", &[])),
                }),
            ),
            (
                format!("{}/downloads/{{uuid}}", self.prefix),
                json!({ "parameters": parameters, "get": call("download", "Download the result of a job", download) }),
            ),
        ]
    }

    /// The replies of a method: its own, and the errors that it can return.
    fn replies(&self, own: &[(&str, Value)]) -> Value {
        let mut all = Map::new();
        for (status, reply) in own {
            all.insert((*status).to_owned(), reply.clone());
        }
        for status in [
            "400", "401", "403", "404", "405", "408", "409", "412", "413", "415", "416", "421",
            "503", "507",
        ] {
            let headers: &[&str] = match status {
                "405" => &["Allow"],
                "401" => &["WWW-Authenticate"],
                "416" => &["Content-Range"],
                _ => &[],
            };
            let error = with_formats(reply("The error.", headers, &[]), &self.schema("Error"));
            all.insert(status.to_owned(), error);
        }
        Value::Object(all)
    }
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
            "configuration": { "type": "object" },
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

fn job(links: &str, has_stages: bool) -> Value {
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
