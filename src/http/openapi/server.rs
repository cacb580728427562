//! The routes that are about the server itself.

use serde_json::Value;

use super::call::{Call, alone};
use super::{json_reply, reply};

pub(super) fn items() -> [(&'static str, Value); 6] {
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
        Call {
            id: "dashboard",
            tag: "server",
            summary: "The page for people",
            ..Call::default()
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
        Call {
            id: "metrics",
            tag: "server",
            summary: "What is counted, for Prometheus",
            description: "Where there are tokens an admin's is wanted.",
            ..Call::default()
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
        Call {
            id: "health",
            tag: "server",
            summary: "Whether the server lives",
            ..Call::default()
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
        Call {
            id: "ready",
            tag: "server",
            summary: "Whether new jobs are taken on, and every root can be used",
            ..Call::default()
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
        Call {
            id: "describe",
            tag: "server",
            summary: "This description",
            ..Call::default()
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
        Call {
            id: "beginSession",
            tag: "server",
            summary: "A cookie for a page of this server's, in exchange for a token",
            ..Call::default()
        }
        .answered(&[("204", begun)], &[]),
    )
}
