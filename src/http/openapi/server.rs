//! Describes the routes about the server itself: health, metrics, sessions, the dashboard and this document.

use serde_json::Value;

use crate::http::openapi::builder::{RouteDoc, json_reply, reply, with_replies};

/// `GET /`.
pub(crate) fn dashboard() -> Value {
    let mut page = reply("The page, as HTML.", &["X-Content-Type-Options"], &[]);
    page["content"] = json!({ "text/html": {} });
    with_replies(&[("200", page)], &[])
}

/// `GET /metrics`.
pub(crate) fn metrics() -> Value {
    let mut text = reply(
        "The metrics: OpenMetrics 1.0 if the client accepts it, else the Prometheus text format 0.0.4.",
        &[],
        &[],
    );
    text["content"] = json!({ "application/openmetrics-text": {}, "text/plain": {} });
    RouteDoc {
        description: "If the server has tokens, a metrics or admin token is required.",
        ..RouteDoc::default()
    }
    .with_replies(&[("200", text)], &[])
}

/// `GET /healthz`.
pub(crate) fn health() -> Value {
    let up = json!({
        "type": "object",
        "properties": { "status": { "const": "ok" } },
        "required": ["status"],
    });
    with_replies(
        &[(
            "200",
            json_reply(reply("The server is alive.", &[], &[]), &up),
        )],
        &[],
    )
}

/// `GET /readyz`.
pub(crate) fn ready() -> Value {
    let ready = json!({
        "type": "object",
        "properties": { "status": { "const": "ready" } },
        "required": ["status"],
    });
    with_replies(
        &[(
            "200",
            json_reply(
                reply(
                    "The server accepts jobs, and all roots are usable.",
                    &[],
                    &[],
                ),
                &ready,
            ),
        )],
        &[503],
    )
}

/// `GET /openapi.json`.
pub(crate) fn openapi() -> Value {
    let document = json!({ "type": "object", "required": ["openapi", "info", "paths"] });
    with_replies(
        &[(
            "200",
            json_reply(reply("The OpenAPI 3.1 document.", &[], &[]), &document),
        )],
        &[],
    )
}

/// `POST /session`.
pub(crate) fn session() -> Value {
    let started = reply(
        "The session has begun. The cookie is set only if the server has tokens.",
        &[],
        &["Set-Cookie"],
    );
    with_replies(&[("204", started)], &[])
}
