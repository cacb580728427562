//! Describes downloads of results: whole, by range, and with conditions.

use serde_json::Value;

use crate::http::openapi::builder::{RouteDoc, reply};

/// 503: the store is busy or has failed.
const STORE: u16 = 503;

/// The headers of every reply that is a result, besides `ETag`.
pub(crate) const RESULT: [&str; 5] = [
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

/// A download that can wait for the job to finish.
pub(crate) fn waiting_download() -> Value {
    let own = by_range();
    RouteDoc {
            description: "With `wait`, the server responds once the job has finished or the time is over.",
            parameters: &["wait", "Range", "If-Range", "If-Match", "If-None-Match"],
        }
        .with_replies(&own, &[404, 412, 416, 422, STORE])
}

/// The replies of a download with the conditions of RFC 9110.
fn by_range() -> [(&'static str, Value); 3] {
    [
        ("200", result("The whole result.", "*/*", &[])),
        (
            "206",
            result(
                "The requested range of the result.",
                "*/*",
                &["Content-Range"],
            ),
        ),
        (
            "304",
            reply(
                "The result has the `ETag` in `If-None-Match`.",
                &["ETag"],
                &[],
            ),
        ),
    ]
}

/// A download that does not wait for the job to finish.
pub(crate) fn download() -> Value {
    RouteDoc {
        parameters: &["Range", "If-Range", "If-Match", "If-None-Match"],
        ..RouteDoc::default()
    }
    .with_replies(&by_range(), &[404, 412, 416, STORE])
}
