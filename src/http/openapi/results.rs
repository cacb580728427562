//! Results, wherever they are handed out: whole, in part, under conditions.

use serde_json::Value;

use crate::http::openapi::call::{OperationDoc, below};
use crate::http::openapi::reply;

/// What a route that looks at the store may meet.
const STORE: u16 = 503;

/// What every reply that is a result says of it, besides its `ETag`.
pub(in crate::http) const RESULT: [&str; 5] = [
    "Content-Disposition",
    "Accept-Ranges",
    "Repr-Digest",
    "X-Content-Type-Options",
    "Content-Security-Policy",
];

fn result(description: &str, media_type: &str, always: &[&str]) -> Value {
    let headers = [&RESULT[..], &["ETag"], always].concat();
    let mut reply = reply(description, &headers, &[]);
    reply["content"] = json!({ media_type: {} });
    reply
}

pub(in crate::http) fn download() -> Value {
    let own = by_range();
    below(
        "id",
        "get",
        OperationDoc {
            id: "download",
            tag: "jobs",
            summary: "The result of a job",
            description: "With `wait` the answer comes when the job has ended or the time is up.",
            parameters: &["wait", "Range", "If-Range", "If-Match", "If-None-Match"],
        }
        .answered(&own, &[404, 412, 416, 422, STORE]),
    )
}

/// A result under the conditions of RFC 9110.
fn by_range() -> [(&'static str, Value); 3] {
    [
        ("200", result("The whole result.", "*/*", &[])),
        ("206", result("A part of it.", "*/*", &["Content-Range"])),
        (
            "304",
            reply("It is what `If-None-Match` names.", &["ETag"], &[]),
        ),
    ]
}

/// A call for a result, which waits for nothing.
pub(in crate::http) fn result_call(id: &str, tag: &str, summary: &str) -> Value {
    let call = OperationDoc {
        id,
        tag,
        summary,
        parameters: &["Range", "If-Range", "If-Match", "If-None-Match"],
        ..OperationDoc::default()
    };
    call.answered(&by_range(), &[404, 412, 416, STORE])
}
