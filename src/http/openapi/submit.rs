//! Describes the path of one operation: the operation itself, and submissions with each supported media type.

use serde_json::{Map, Value};

use crate::http::openapi::builder::{json_reply, parameter, replies, reply, schema};
use crate::http::openapi::results;
use crate::operations::{Input, OperationSpec};

/// The prefix of references to schemas of the document.
const DEFINITIONS: &str = "#/components/schemas/";

/// The parameters of every submission besides the params of the operation.
const SUBMISSION: [&str; 8] = [
    "Prefer",
    "Idempotency-Key",
    "keep",
    "output",
    "callback",
    "callback-method",
    "traceparent",
    "tracestate",
];

/// The name of the schema of an operation's params.
pub(crate) fn schema_name(operation: &str) -> String {
    format!("{operation}.params")
}

/// The schema of an operation's params with its references adapted to the document.
pub(crate) fn params(operation: &OperationSpec) -> Value {
    let place = format!("{DEFINITIONS}{}", schema_name(&operation.name));
    let mut params = operation.params.clone();
    // The document sets the JSON Schema dialect for all schemas.
    if let Some(members) = params.as_object_mut() {
        members.remove("$schema");
    }
    embed(&mut params, &place);
    params
}

/// Rewrites references to the schema's root as references from the document's root to `place`, and removes read-only
/// alternatives, which clients cannot send.
fn embed(schema: &mut Value, place: &str) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                match value {
                    Value::String(to) if keyword == "$ref" && to.starts_with('#') => {
                        *to = format!("{place}{}", &to[1..]);
                    }
                    Value::Array(alternatives) if keyword == "anyOf" || keyword == "oneOf" => {
                        alternatives.retain(|one| one["readOnly"] != true);
                    }
                    _ => {}
                }
                embed(value, place);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| embed(item, place)),
        _ => {}
    }
}

/// `GET /v1/operations/{name}` for one operation.
pub(crate) fn describe(operation: &OperationSpec) -> Value {
    let one = json_reply(reply("The operation.", &[], &[]), &schema("Operation"));
    json!({
        "summary": format!("Describe the operation {}", operation.name),
        "responses": replies(&[("200", one)], &[]),
    })
}

/// `POST /v1/operations/{name}` for one operation.
pub(crate) fn submit(operation: &OperationSpec) -> Value {
    json!({
        "summary": operation.title,
        "description": "The job is durable and can be polled before the response is sent.",
        "parameters": SUBMISSION.map(parameter),
        "requestBody": body(operation),
        "responses": replies(
            &[("200", result(operation)), ("202", ticket())],
            &[408, 409, 413, 415, 422, 503, 507],
        ),
    })
}

/// The request body of a submission.
pub(crate) fn body(operation: &OperationSpec) -> Value {
    let form = |document: &dyn Fn(&Input) -> Value| form(operation, document);
    let path = |_: &Input| json!({ "type": "string", "format": "path" });
    // OpenAPI 3.1 does not need the format, but tools recognize file fields by it.
    let file = |_: &Input| json!({ "type": "string", "format": "binary" });
    let mut content = Map::new();
    let mut add = |media_type: &str, value| content.insert(media_type.to_owned(), value);
    add(
        "application/json",
        json!({ "schema": schema(&schema_name(&operation.name)) }),
    );
    add(
        "application/x-www-form-urlencoded",
        json!({ "schema": form(&path) }),
    );
    add("multipart/form-data", multipart(operation, &form(&file)));
    let mut description = "The params. An empty body means `{}`. Empty form fields and query parameters are ignored unless the param \
                           allows an empty string, and so are file fields without a file."
        .to_owned();
    if let [(name, input)] = operation.inputs.iter().collect::<Vec<_>>()[..] {
        for media_type in media_types(input) {
            add(&media_type, json!({}));
        }
        description.push_str(&format!(
            " A body with another media type is the document `{name}`; the other params go into the query."
        ));
    }
    let required = operation.params["required"]
        .as_array()
        .is_some_and(|names| !names.is_empty());
    json!({ "description": description, "required": required, "content": content })
}

/// The media types that an input accepts; any if the operation does not restrict them.
fn media_types(input: &Input) -> Vec<String> {
    if input.media_types.is_empty() {
        vec!["*/*".to_owned()]
    } else {
        input.media_types.clone()
    }
}

/// The params as the fields of a form; `document` makes the schema of an input.
fn form(operation: &OperationSpec, document: &dyn Fn(&Input) -> Value) -> Value {
    let mut form = params(operation);
    // The remaining references point to the schema of the operation's params.
    if let Some(members) = form.as_object_mut() {
        members.remove("$defs");
    }
    for (name, input) in &operation.inputs {
        let one = document(input);
        form["properties"][name] = if input.list {
            json!({ "type": "array", "items": one })
        } else {
            one
        };
    }
    form
}

fn multipart(operation: &OperationSpec, form: &Value) -> Value {
    let encoding: Map<_, _> = operation
        .inputs
        .iter()
        .map(|(name, input)| {
            let media_types = media_types(input).join(", ");
            (name.clone(), json!({ "contentType": media_types }))
        })
        .collect();
    if encoding.is_empty() {
        json!({ "schema": form })
    } else {
        json!({ "schema": form, "encoding": encoding })
    }
}

/// The `202` reply with the job, its location and links.
pub(crate) fn ticket() -> Value {
    let headers = [
        "Location",
        "Operation-Location",
        "Retry-After",
        "Link",
        "ETag",
        "Vary",
    ];
    let mut ticket = json_reply(
        reply("The job was accepted.", &headers, &["Preference-Applied"]),
        &schema("Job"),
    );
    let link = |operation: &str, description: &str| {
        json!({
            "operationId": operation,
            "parameters": { "id": "$response.body#/id" },
            "description": description,
        })
    };
    ticket["links"] = json!({
        "job": link("getJob", "Get the job."),
        "result": link("download", "Download the result."),
        "cancel": link("cancelJob", "Cancel the job."),
        "delete": link("deleteJob", "Delete the job."),
    });
    ticket
}

fn result(operation: &OperationSpec) -> Value {
    let description = "The job finished within the time of `Prefer: wait`. The body is the result, or the job if `output` is set.";
    let always = ["ETag", "Vary", "Preference-Applied"];
    let sometimes = [&results::RESULT[..], &["Content-Location"]].concat();
    let mut reply = reply(description, &always, &sometimes);
    reply["content"] = json!({ (&operation.output): {} });
    if operation.output != "application/json" {
        reply["content"]["application/json"] = json!({ "schema": schema("Job") });
    }
    reply
}
