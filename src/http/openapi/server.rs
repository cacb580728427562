//! Describes the routes about the server itself: health, metrics, sessions, the dashboard and this document.

use serde_json::Value;

use crate::http::openapi::builder::{OperationDoc, json_reply, path_item, reply};

/// The paths and their descriptions.
pub(in crate::http) fn items() -> [(&'static str, Value); 6] {
    [
        ("/", dashboard()),
        ("/metrics", metrics()),
        ("/healthz", health()),
        ("/readyz", ready()),
        ("/openapi.json", openapi()),
        ("/session", session()),
    ]
}

fn dashboard() -> Value {
    let mut page = reply("The page, as HTML.", &["X-Content-Type-Options"], &[]);
    page["content"] = json!({ "text/html": {} });
    path_item(
        "get",
        OperationDoc {
            id: "dashboard",
            tag: "server",
            summary: "Dashboard in the browser",
            ..OperationDoc::default()
        }
        .with_replies(&[("200", page)], &[]),
    )
}

fn metrics() -> Value {
    let mut text = reply(
        "The metrics: OpenMetrics 1.0 if the client accepts it, else the Prometheus text format 0.0.4.",
        &[],
        &[],
    );
    text["content"] = json!({ "application/openmetrics-text": {}, "text/plain": {} });
    path_item(
        "get",
        OperationDoc {
            id: "metrics",
            tag: "server",
            summary: "Metrics for Prometheus",
            description: "If the server has tokens, an admin token is required.",
            ..OperationDoc::default()
        }
        .with_replies(&[("200", text)], &[]),
    )
}

fn health() -> Value {
    let up = json!({
        "type": "object",
        "properties": { "status": { "const": "ok" } },
        "required": ["status"],
    });
    path_item(
        "get",
        OperationDoc {
            id: "health",
            tag: "server",
            summary: "Check whether the server is alive",
            ..OperationDoc::default()
        }
        .with_replies(
            &[(
                "200",
                json_reply(reply("The server is alive.", &[], &[]), &up),
            )],
            &[],
        ),
    )
}

fn ready() -> Value {
    let ready = json!({
        "type": "object",
        "properties": { "status": { "const": "ready" } },
        "required": ["status"],
    });
    path_item(
        "get",
        OperationDoc {
            id: "ready",
            tag: "server",
            summary: "Check whether the server accepts jobs and all roots are usable",
            ..OperationDoc::default()
        }
        .with_replies(
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
        ),
    )
}

fn openapi() -> Value {
    let document = json!({ "type": "object", "required": ["openapi", "info", "paths"] });
    path_item(
        "get",
        OperationDoc {
            id: "describe",
            tag: "server",
            summary: "This OpenAPI document",
            ..OperationDoc::default()
        }
        .with_replies(
            &[(
                "200",
                json_reply(reply("The OpenAPI 3.1 document.", &[], &[]), &document),
            )],
            &[],
        ),
    )
}

fn session() -> Value {
    let started = reply(
        "The session has begun. The cookie is set only if the server has tokens.",
        &[],
        &["Set-Cookie"],
    );
    path_item(
        "post",
        OperationDoc {
            id: "beginSession",
            tag: "server",
            summary: "Exchange a token for the session cookie of the dashboard",
            ..OperationDoc::default()
        }
        .with_replies(&[("204", started)], &[]),
    )
}
