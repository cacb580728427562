//! The path of one operation: what it is, and how a job of it is submitted in every form that a body may have.

use serde_json::{Map, Value};

use crate::http::openapi::{json_reply, parameter, replies, reply, results, schema};
use crate::operations::{Input, OperationSpec};

/// What stands between a schema and another that it refers to.
const DEFINITIONS: &str = "#/components/schemas/";

/// What every submission may have besides its params.
const SUBMISSION: [&str; 6] = [
    "Prefer",
    "Idempotency-Key",
    "keep",
    "output",
    "callback",
    "callback-method",
];

/// The name of an operation's params among the schemas.
pub(in crate::http) fn schema_name(operation: &str) -> String {
    format!("{operation}.params")
}

/// The schema of an operation's params, fit to be a part of a larger document.
pub(in crate::http) fn params(operation: &OperationSpec) -> Value {
    let place = format!("{DEFINITIONS}{}", schema_name(&operation.name));
    let mut params = operation.params.clone();
    // The dialect is that of the whole document.
    if let Some(members) = params.as_object_mut() {
        members.remove("$schema");
    }
    embed(&mut params, &place);
    params
}

/// Makes references from a schema's root lead there from the document's root, and leaves out what only the server says.
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

pub(in crate::http) fn path(operation: &OperationSpec) -> Value {
    let name = &operation.name;
    let one = json_reply(reply("It.", &[], &[]), &schema("Operation"));
    json!({
        "get": {
            "operationId": format!("describe.{name}"),
            "tags": ["operations"],
            "summary": format!("The operation {name}"),
            "responses": replies(&[("200", one)], &[]),
        },
        "post": {
            "operationId": format!("submit.{name}"),
            "tags": ["operations"],
            "summary": operation.title,
            "description": "The job is on the disk, and can be polled, before the answer leaves.",
            "parameters": SUBMISSION.map(parameter),
            "requestBody": body(operation),
            "responses": replies(
                &[("200", result(operation)), ("202", ticket())],
                &[408, 409, 413, 415, 422, 503, 507],
            ),
        },
    })
}

pub(in crate::http) fn body(operation: &OperationSpec) -> Value {
    let form = |document: &dyn Fn(&Input) -> Value| form(operation, document);
    let path = |_: &Input| json!({ "type": "string", "format": "path" });
    // OpenAPI 3.1 would do without the format; the tools know a file by it.
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
    let mut description = "The params. No body is `{}`. An empty field of a form or query was not given, unless the param may be an \
                           empty string; nor was a file without name and content."
        .to_owned();
    if let [(name, input)] = operation.inputs.iter().collect::<Vec<_>>()[..] {
        for media_type in media_types(input) {
            add(&media_type, json!({}));
        }
        description.push_str(&format!(
            " A body of any other type is itself `{name}`, and the other params are in the query."
        ));
    }
    let required = operation.params["required"]
        .as_array()
        .is_some_and(|names| !names.is_empty());
    json!({ "description": description, "required": required, "content": content })
}

/// What a document may be: anything unless the operation says so.
fn media_types(input: &Input) -> Vec<String> {
    if input.media_types.is_empty() {
        vec!["*/*".to_owned()]
    } else {
        input.media_types.clone()
    }
}

/// The params as the fields of a form: a document is what `document` says.
fn form(operation: &OperationSpec, document: &dyn Fn(&Input) -> Value) -> Value {
    let mut form = params(operation);
    // What is left of the references leads to the operation's own schema.
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

pub(in crate::http) fn ticket() -> Value {
    let headers = [
        "Location",
        "Operation-Location",
        "Retry-After",
        "Link",
        "ETag",
        "Vary",
    ];
    let mut ticket = json_reply(
        reply("The ticket.", &headers, &["Preference-Applied"]),
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
        "job": link("getJob", "Look at it."),
        "result": link("download", "Fetch its result."),
        "cancel": link("cancelJob", "Stop it."),
        "delete": link("deleteJob", "Forget it."),
    });
    ticket
}

fn result(operation: &OperationSpec) -> Value {
    let description = "The result, which came within the time of `Prefer: wait`; the job where the result is a file.";
    let always = ["ETag", "Vary", "Preference-Applied"];
    let sometimes = [&results::RESULT[..], &["Content-Location"]].concat();
    let mut reply = reply(description, &always, &sometimes);
    reply["content"] = json!({ (&operation.output): {} });
    if operation.output != "application/json" {
        reply["content"]["application/json"] = json!({ "schema": schema("Job") });
    }
    reply
}
