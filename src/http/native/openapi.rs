//! The routes that are the same whatever the operations are.

use crate::http::openapi::json::json;
use serde_json::{Map, Value};

use crate::http::openapi::call::{OperationDoc, alone, below};
use crate::http::openapi::results::{download, result_call};
use crate::http::openapi::{json_reply, reply, schema, server};

/// What a route that looks at the store may meet.
const STORE: u16 = 503;

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
    alone(
        "get",
        OperationDoc {
            id: "listOperations",
            tag: "operations",
            summary: "Every operation",
            ..OperationDoc::default()
        }
        .answered(
            &[("200", json_reply(reply("They, by name.", &[], &[]), &list))],
            &[],
        ),
    )
}

fn job() -> Value {
    let as_it_is = json_reply(
        reply("The job as it is now.", &["ETag"], &["Retry-After"]),
        &schema("Job"),
    );
    let unchanged = reply(
        "The job is what `If-None-Match` names, and was until the wait was over.",
        &["ETag"],
        &["Retry-After"],
    );
    let deleted = json_reply(
        reply("The job as it was; its `status` is `deleted`.", &[], &[]),
        &schema("Job"),
    );
    let look = OperationDoc {
        id: "getJob",
        tag: "jobs",
        summary: "Look at a job, or wait for it",
        description: "With `wait` the answer comes when the job has ended or the time is up; with `If-None-Match` \
                      too, as soon as the job differs from the version that it names.",
        parameters: &["wait", "If-None-Match"],
    };
    let forget = OperationDoc {
        id: "deleteJob",
        tag: "jobs",
        summary: "Forget a job and its result",
        description: "It is canceled first if need be. From then on its addresses are `404`. A file or folder that \
                      the job has put below a root stays, as it does when the job has ended.",
        ..OperationDoc::default()
    };
    let look = look.answered(&[("200", as_it_is), ("304", unchanged)], &[404, 422, STORE]);
    let mut item = below("id", "get", look);
    item["delete"] = forget.answered(&[("200", deleted)], &[404, STORE, 507]);
    item
}

fn cancel() -> Value {
    let canceled = reply("The job, which is canceled.", &["ETag"], &[]);
    let stopping = reply(
        "The job, which is about to stop.",
        &["ETag", "Retry-After"],
        &[],
    );
    let own = [
        ("200", json_reply(canceled, &schema("Job"))),
        ("202", json_reply(stopping, &schema("Job"))),
    ];
    below(
        "id",
        "post",
        OperationDoc {
            id: "cancelJob",
            tag: "jobs",
            summary: "Stop a job and keep its record",
            description: "A canceled job leaves nothing below a root. Once the job is about to rename what it made \
                          into place, a cancel comes too late: it is answered `409`, and the job succeeds.",
            ..OperationDoc::default()
        }
        .answered(&own, &[404, 409, STORE, 507]),
    )
}

fn list() -> Value {
    let page = json!({
        "type": "object",
        "properties": {
            "jobs": { "type": "array", "items": schema("Job") },
            "next": { "description": "For `after`; null on the last page. A page may have fewer jobs than `limit`: one of more than 2 MiB ends early.", "type": ["string", "null"] },
        },
        "required": ["jobs", "next"],
    });
    let page = json_reply(
        reply("A page; `Link` leads to the next.", &[], &["Link"]),
        &page,
    );
    alone(
        "get",
        OperationDoc {
            id: "listJobs",
            tag: "jobs",
            summary: "Jobs, newest first",
            parameters: &["status", "operation", "limit", "after"],
            ..OperationDoc::default()
        }
        .answered(&[("200", page)], &[422, STORE]),
    )
}

fn stream(description: &str) -> Value {
    let mut stream = reply(description, &[], &[]);
    stream["content"] = json!({ "text/event-stream": {} });
    stream
}

fn events() -> Value {
    let stream = stream("Events `job`, each with a job, and `deleted`, without end.");
    alone(
        "get",
        OperationDoc {
            id: "followJobs",
            tag: "jobs",
            summary: "What happens to any job, as it happens",
            ..OperationDoc::default()
        }
        .answered(&[("200", stream)], &[]),
    )
}

fn job_events() -> Value {
    let stream =
        stream("Events `job`, the present state first, until the job has ended or is `deleted`.");
    let over = reply("The end was seen already.", &[], &[]);
    below(
        "id",
        "get",
        OperationDoc {
            id: "followJob",
            tag: "jobs",
            summary: "What happens to a job, as it happens",
            parameters: &["Last-Event-ID"],
            ..OperationDoc::default()
        }
        .answered(&[("200", stream), ("204", over)], &[404, STORE]),
    )
}

fn log() -> Value {
    let mut text = reply("The last 256 KiB of it.", &[], &[]);
    text["content"] = json!({ "text/plain": {} });
    below(
        "id",
        "get",
        OperationDoc {
            id: "getLog",
            tag: "jobs",
            summary: "What a job's work wrote",
            parameters: &["follow"],
            ..OperationDoc::default()
        }
        .answered(&[("200", text)], &[404, STORE]),
    )
}

fn retry() -> Value {
    below(
        "id",
        "post",
        OperationDoc {
            id: "retryJob",
            tag: "jobs",
            summary: "Do once more what an ended job did",
            description: "A new job with the same params and uploads.",
            ..OperationDoc::default()
        }
        .answered(
            &[("202", crate::http::openapi::submit::ticket())],
            &[404, 409, 422, STORE, 507],
        ),
    )
}

fn monitor() -> Value {
    let own = [
        (
            "200",
            json_reply(
                reply("The job ended without a result.", &[], &[]),
                &schema("Monitor"),
            ),
        ),
        (
            "202",
            json_reply(
                reply("The job has not ended.", &["Retry-After"], &[]),
                &schema("Monitor"),
            ),
        ),
        (
            "303",
            json_reply(
                reply("The job has a result, which is there.", &["Location"], &[]),
                &schema("Monitor"),
            ),
        ),
    ];
    below(
        "token",
        "get",
        OperationDoc {
            id: "getMonitor",
            tag: "monitor",
            summary: "Look at a job by its link",
            ..OperationDoc::default()
        }
        .answered(&own, &[404, STORE]),
    )
}

fn monitor_events() -> Value {
    let stream = stream(
        "Events `job`, each with what the monitor says, until the job has ended or is `deleted`.",
    );
    let over = reply("The end was seen already.", &[], &[]);
    below(
        "token",
        "get",
        OperationDoc {
            id: "followMonitor",
            tag: "monitor",
            summary: "What happens to a job, by its link",
            parameters: &["Last-Event-ID"],
            ..OperationDoc::default()
        }
        .answered(&[("200", stream), ("204", over)], &[404, STORE]),
    )
}

fn monitor_result() -> Value {
    let summary = "The result of a job by its link";
    below(
        "token",
        "get",
        result_call("getMonitorResult", "monitor", summary),
    )
}
