//! Describes the native routes that do not depend on the registered operations.

use crate::http::openapi::json::json;
use serde_json::{Map, Value};

use crate::http::openapi::builder::{
    OperationDoc, json_reply, path_item, path_item_with_parameter, reply, schema,
};
use crate::http::openapi::results::{download, result_call};
use crate::http::openapi::server;

/// 503: the store is busy or has failed.
const STORE: u16 = 503;

/// The paths and their descriptions.
pub(in crate::http) fn paths() -> Map<String, Value> {
    [
        ("/v1/operations", operations()),
        ("/v1/jobs", list()),
        ("/v1/events", events()),
        ("/v1/jobs/{id}", job()),
        ("/v1/jobs/{id}/events", job_events()),
        ("/v1/jobs/{id}/log", log()),
        ("/v1/jobs/{id}/retry", retry()),
        ("/v1/jobs/{id}/cancel", cancel()),
        ("/v1/downloads/{id}", download()),
        ("/monitor/{token}", monitor()),
        ("/monitor/{token}/events", monitor_events()),
        ("/monitor/{token}/result", monitor_result()),
    ]
    .into_iter()
    .chain(server::items())
    .map(|(path, item)| (path.to_owned(), item))
    .collect()
}

fn operations() -> Value {
    let list = json!({
        "type": "object",
        "properties": { "operations": { "type": "array", "items": schema("Operation") } },
        "required": ["operations"],
    });
    path_item(
        "get",
        OperationDoc {
            id: "listOperations",
            tag: "operations",
            summary: "List the operations",
            ..OperationDoc::default()
        }
        .with_replies(
            &[(
                "200",
                json_reply(reply("The operations, sorted by name.", &[], &[]), &list),
            )],
            &[],
        ),
    )
}

fn job() -> Value {
    let current = json_reply(
        reply("The current state of the job.", &["ETag"], &["Retry-After"]),
        &schema("Job"),
    );
    let unchanged = reply(
        "The job still has the `ETag` in `If-None-Match`, and had it until the wait was over.",
        &["ETag"],
        &["Retry-After"],
    );
    let deleted = json_reply(
        reply("The job as it was, with the `status` `deleted`.", &[], &[]),
        &schema("Job"),
    );
    let get = OperationDoc {
        id: "getJob",
        tag: "jobs",
        summary: "Get a job, or wait for it",
        description: "With `wait`, the server responds once the job has finished or the time is over. With \
                      `If-None-Match` as well, it responds as soon as the job differs from that version.",
        parameters: &["wait", "If-None-Match"],
    };
    let delete = OperationDoc {
        id: "deleteJob",
        tag: "jobs",
        summary: "Delete a job and its result",
        description: "A job that has not finished is canceled first. Afterwards its URLs return `404`. Files and folders \
                      that a finished job wrote below a root are not removed.",
        ..OperationDoc::default()
    };
    let get = get.with_replies(&[("200", current), ("304", unchanged)], &[404, 422, STORE]);
    let mut item = path_item_with_parameter("id", "get", get);
    item["delete"] = delete.with_replies(&[("200", deleted)], &[404, STORE, 507]);
    item
}

fn cancel() -> Value {
    let canceled = reply("The job is canceled.", &["ETag"], &[]);
    let stopping = reply(
        "The job is running and is being stopped.",
        &["ETag", "Retry-After"],
        &[],
    );
    let replies = [
        ("200", json_reply(canceled, &schema("Job"))),
        ("202", json_reply(stopping, &schema("Job"))),
    ];
    path_item_with_parameter(
        "id",
        "post",
        OperationDoc {
            id: "cancelJob",
            tag: "jobs",
            summary: "Cancel a job and keep its record",
            description: "A canceled job leaves no files below a root. Once the job has begun to move its finished output \
                          into place, it can no longer be canceled: the request gets `409`, and the job succeeds.",
            ..OperationDoc::default()
        }
        .with_replies(&replies, &[404, 409, STORE, 507]),
    )
}

fn list() -> Value {
    let page = json!({
        "type": "object",
        "properties": {
            "jobs": { "type": "array", "items": schema("Job") },
            "next": { "description": "The value of `after` for the next page; null on the last page. A page can have fewer jobs than `limit`, because it ends once it exceeds 2 MiB.", "type": ["string", "null"] },
        },
        "required": ["jobs", "next"],
    });
    let page = json_reply(
        reply(
            "A page of jobs. `Link` points to the next page.",
            &[],
            &["Link"],
        ),
        &page,
    );
    path_item(
        "get",
        OperationDoc {
            id: "listJobs",
            tag: "jobs",
            summary: "List jobs, newest first",
            parameters: &["status", "operation", "limit", "after"],
            ..OperationDoc::default()
        }
        .with_replies(&[("200", page)], &[422, STORE]),
    )
}

fn stream(description: &str) -> Value {
    let mut stream = reply(description, &[], &[]);
    stream["content"] = json!({ "text/event-stream": {} });
    stream
}

fn events() -> Value {
    let stream =
        stream("An endless stream of events: `job` with the job after each change, and `deleted`.");
    path_item(
        "get",
        OperationDoc {
            id: "followJobs",
            tag: "jobs",
            summary: "Stream changes of all jobs",
            ..OperationDoc::default()
        }
        .with_replies(&[("200", stream)], &[]),
    )
}

fn job_events() -> Value {
    let stream = stream(
        "Events of type `job`, beginning with the current state, until the job has finished or is `deleted`.",
    );
    let finished = reply("The client has already received the last event.", &[], &[]);
    path_item_with_parameter(
        "id",
        "get",
        OperationDoc {
            id: "followJob",
            tag: "jobs",
            summary: "Stream changes of a job",
            parameters: &["Last-Event-ID"],
            ..OperationDoc::default()
        }
        .with_replies(&[("200", stream), ("204", finished)], &[404, STORE]),
    )
}

fn log() -> Value {
    let mut text = reply("The last 256 KiB of the log.", &[], &[]);
    text["content"] = json!({ "text/plain": {} });
    path_item_with_parameter(
        "id",
        "get",
        OperationDoc {
            id: "getLog",
            tag: "jobs",
            summary: "Get the log of a job",
            parameters: &["follow"],
            ..OperationDoc::default()
        }
        .with_replies(&[("200", text)], &[404, STORE]),
    )
}

fn retry() -> Value {
    path_item_with_parameter(
        "id",
        "post",
        OperationDoc {
            id: "retryJob",
            tag: "jobs",
            summary: "Run a finished job again",
            description: "Submits a new job with the same params and uploads.",
            ..OperationDoc::default()
        }
        .with_replies(
            &[("202", crate::http::openapi::submit::ticket())],
            &[404, 409, 422, STORE, 507],
        ),
    )
}

fn monitor() -> Value {
    let replies = [
        (
            "200",
            json_reply(
                reply("The job has finished without a result.", &[], &[]),
                &schema("Monitor"),
            ),
        ),
        (
            "202",
            json_reply(
                reply("The job has not finished.", &["Retry-After"], &[]),
                &schema("Monitor"),
            ),
        ),
        (
            "303",
            json_reply(
                reply(
                    "The job has a result, which is at `Location`.",
                    &["Location"],
                    &[],
                ),
                &schema("Monitor"),
            ),
        ),
    ];
    path_item_with_parameter(
        "token",
        "get",
        OperationDoc {
            id: "getMonitor",
            tag: "monitor",
            summary: "Get a job by its monitor link",
            ..OperationDoc::default()
        }
        .with_replies(&replies, &[404, STORE]),
    )
}

fn monitor_events() -> Value {
    let stream = stream(
        "Events of type `job` with the same body as the monitor link, until the job has finished or is `deleted`.",
    );
    let finished = reply("The client has already received the last event.", &[], &[]);
    path_item_with_parameter(
        "token",
        "get",
        OperationDoc {
            id: "followMonitor",
            tag: "monitor",
            summary: "Stream changes of a job by its monitor link",
            parameters: &["Last-Event-ID"],
            ..OperationDoc::default()
        }
        .with_replies(&[("200", stream), ("204", finished)], &[404, STORE]),
    )
}

fn monitor_result() -> Value {
    let summary = "Download the result of a job by its monitor link";
    path_item_with_parameter(
        "token",
        "get",
        result_call("getMonitorResult", "monitor", summary),
    )
}
