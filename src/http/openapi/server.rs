//! The routes that are about the server itself.

use serde_json::Value;

use crate::http::openapi::call::{OperationDoc, alone};
use crate::http::openapi::{json_reply, reply};

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
    let mut page = reply("HTML.", &["X-Content-Type-Options"], &[]);
    page["content"] = json!({ "text/html": {} });
    alone(
        "get",
        OperationDoc {
            id: "dashboard",
            tag: "server",
            summary: "The page for people",
            ..OperationDoc::default()
        }
        .answered(&[("200", page)], &[]),
    )
}

fn metrics() -> Value {
    let mut text = reply(
        "OpenMetrics 1.0 for whoever accepts it, else Prometheus' older text.",
        &[],
        &[],
    );
    text["content"] = json!({ "application/openmetrics-text": {}, "text/plain": {} });
    alone(
        "get",
        OperationDoc {
            id: "metrics",
            tag: "server",
            summary: "What is counted, for Prometheus",
            description: "Where there are tokens an admin's is wanted.",
            ..OperationDoc::default()
        }
        .answered(&[("200", text)], &[]),
    )
}

fn health() -> Value {
    let up = json!({
        "type": "object",
        "properties": { "status": { "const": "ok" } },
        "required": ["status"],
    });
    alone(
        "get",
        OperationDoc {
            id: "health",
            tag: "server",
            summary: "Whether the server lives",
            ..OperationDoc::default()
        }
        .answered(
            &[("200", json_reply(reply("It does.", &[], &[]), &up))],
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
    alone(
        "get",
        OperationDoc {
            id: "ready",
            tag: "server",
            summary: "Whether new jobs are taken on, and every root can be used",
            ..OperationDoc::default()
        }
        .answered(
            &[("200", json_reply(reply("They are.", &[], &[]), &ready))],
            &[503],
        ),
    )
}

fn openapi() -> Value {
    let document = json!({ "type": "object", "required": ["openapi", "info", "paths"] });
    alone(
        "get",
        OperationDoc {
            id: "describe",
            tag: "server",
            summary: "This description",
            ..OperationDoc::default()
        }
        .answered(
            &[(
                "200",
                json_reply(reply("OpenAPI 3.1.", &[], &[]), &document),
            )],
            &[],
        ),
    )
}

fn session() -> Value {
    let begun = reply(
        "The cookie of a session; none where there are no tokens.",
        &[],
        &["Set-Cookie"],
    );
    alone(
        "post",
        OperationDoc {
            id: "beginSession",
            tag: "server",
            summary: "A cookie for a page of this server's, in exchange for a token",
            ..OperationDoc::default()
        }
        .answered(&[("204", begun)], &[]),
    )
}
