//! Describes the native routes that do not depend on the registered operations.

use serde_json::Value;

use crate::http::openapi::builder::{RouteDoc, json_reply, reply, schema, with_replies};
use crate::http::openapi::json::json;
use crate::http::openapi::submit::ticket;

/// 503: the store is busy or has failed.
const STORE: u16 = 503;

/// `GET /v1/operations`.
pub(crate) fn operations() -> Value {
    let list = json!({
        "type": "object",
        "properties": { "operations": { "type": "array", "items": schema("Operation") } },
        "required": ["operations"],
    });
    with_replies(
        &[(
            "200",
            json_reply(reply("The operations, sorted by name.", &[], &[]), &list),
        )],
        &[],
    )
}

/// `GET /v1/jobs/{id}`.
pub(crate) fn job() -> Value {
    let current = json_reply(
        reply("The current state of the job.", &["ETag"], &["Retry-After"]),
        &schema("Job"),
    );
    let unchanged = reply(
        "The job still has the `ETag` in `If-None-Match`, and had it until the wait was over.",
        &["ETag"],
        &["Retry-After"],
    );
    RouteDoc {
        description: "With `wait`, the server responds once the job has finished or the time is over. With \
                      `If-None-Match` as well, it responds as soon as the job differs from that version.",
        parameters: &["wait", "If-None-Match"],
    }
    .with_replies(&[("200", current), ("304", unchanged)], &[404, 422, STORE])
}

/// `DELETE /v1/jobs/{id}`.
pub(crate) fn delete() -> Value {
    let deleted = json_reply(
        reply("The job as it was, with the `status` `deleted`.", &[], &[]),
        &schema("Job"),
    );
    RouteDoc {
        description: "A job that has not finished is canceled first. Afterwards its URLs return `404`. Files and folders \
                      that a finished job wrote below a root are not removed.",
        ..RouteDoc::default()
    }
    .with_replies(&[("200", deleted)], &[404, STORE, 507])
}

/// `POST /v1/jobs/{id}/cancel`.
pub(crate) fn cancel() -> Value {
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
    RouteDoc {
            description: "A canceled job leaves no files below a root. Once the job has begun to move its finished output \
                          into place, it can no longer be canceled: the request gets `409`, and the job succeeds.",
            ..RouteDoc::default()
        }
        .with_replies(&replies, &[404, 409, STORE, 507])
}

/// `GET /v1/jobs`.
pub(crate) fn list() -> Value {
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
    RouteDoc {
        description: "An admin token lists the jobs of all tokens, each with the name of its `token`.",
        parameters: &["status", "operation", "id-prefix", "limit", "after"],
    }
    .with_replies(&[("200", page)], &[422, STORE])
}

fn stream(description: &str) -> Value {
    let mut stream = reply(description, &[], &[]);
    stream["content"] = json!({ "text/event-stream": {} });
    stream
}

/// `GET /v1/events`.
pub(crate) fn events() -> Value {
    let stream =
        stream("An endless stream of events: `job` with the job after each change, and `deleted`.");
    with_replies(&[("200", stream)], &[])
}

/// `GET /v1/jobs/{id}/events`.
pub(crate) fn job_events() -> Value {
    let stream = stream(
        "Events of type `job`, beginning with the current state, until the job has finished or is `deleted`.",
    );
    let finished = reply("The client has already received the last event.", &[], &[]);
    RouteDoc {
        parameters: &["Last-Event-ID"],
        ..RouteDoc::default()
    }
    .with_replies(&[("200", stream), ("204", finished)], &[404, STORE])
}

/// `GET /v1/jobs/{id}/log`.
pub(crate) fn log() -> Value {
    let mut text = reply("The last 256 KiB of the log.", &[], &[]);
    text["content"] = json!({ "text/plain": {} });
    RouteDoc {
        parameters: &["follow"],
        ..RouteDoc::default()
    }
    .with_replies(&[("200", text)], &[404, STORE])
}

/// `POST /v1/jobs/{id}/retry`.
pub(crate) fn retry() -> Value {
    RouteDoc {
        description: "Submits a new job with the same params, options and uploads. A `traceparent` of this request replaces that of \
                      the old job.",
        parameters: &["traceparent", "tracestate"],
    }
    .with_replies(&[("202", ticket())], &[404, 409, 422, STORE, 507])
}

/// `GET /monitor/{token}`.
pub(crate) fn monitor() -> Value {
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
    with_replies(&replies, &[404, STORE])
}

/// `GET /monitor/{token}/events`.
pub(crate) fn monitor_events() -> Value {
    let stream = stream(
        "Events of type `job` with the same body as the monitor link, until the job has finished or is `deleted`.",
    );
    let finished = reply("The client has already received the last event.", &[], &[]);
    RouteDoc {
        parameters: &["Last-Event-ID"],
        ..RouteDoc::default()
    }
    .with_replies(&[("200", stream), ("204", finished)], &[404, STORE])
}
