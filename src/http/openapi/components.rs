//! What several routes share: schemas, problems, parameters, headers.

use http::StatusCode;
use serde_json::{Map, Value};

use crate::http::openapi::schema;
use crate::http::response::problem::CODES;

pub(in crate::http) fn schemas() -> Map<String, Value> {
    [
        ("Job", job()),
        ("JobId", job_id()),
        ("Output", output()),
        ("JobError", job_error()),
        ("Monitor", monitor()),
        ("Operation", operation()),
        ("Problem", problem()),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}

/// An object; its members are all there unless their names end in `?`.
fn object(description: &str, members: &Value) -> Value {
    let members = members.as_object().into_iter().flatten();
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for (name, schema) in members {
        if let Some(name) = name.strip_suffix('?') {
            properties.insert(name.to_owned(), schema.clone());
        } else {
            properties.insert(name.clone(), schema.clone());
            required.push(name.clone());
        }
    }
    json!({ "description": description, "type": "object", "properties": properties, "required": required })
}

fn nullable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

fn uri() -> Value {
    json!({ "type": "string", "format": "uri" })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

fn job() -> Value {
    let stage = object(
        "One of a counted row of steps.",
        &json!({
            "name": { "type": "string" },
            "current": { "type": "integer", "minimum": 0 },
            "total": { "type": "integer", "minimum": 0 },
        }),
    );
    let callback = object(
        "How far the telling of the job's end has come.",
        &json!({
            "url": uri(),
            "state": { "enum": ["pending", "delivered", "failed", "skipped"] },
            "attempts": { "type": "integer", "minimum": 0 },
            "lastError": { "type": ["string", "null"] },
        }),
    );
    let bytes = object(
        "The bytes of the work that are through.",
        &json!({
            "current": { "type": "integer", "minimum": 0 },
            "total": { "type": ["integer", "null"], "minimum": 0 },
        }),
    );
    let links = object(
        "Where else to go. What is not there cannot be done now.",
        &json!({ "self": uri(), "monitor": uri(), "events": uri(), "log": uri(), "cancel?": uri(), "retry?": uri(), "result?": uri() }),
    );
    object(
        "A job. Every member is always there; what is not known is null.",
        &json!({
            "id": schema("JobId"),
            "seq": { "description": "Its place in the order of submission.", "type": "integer", "minimum": 1 },
            "operation": { "type": "string" },
            "status": {
                "description": "`deleted` in the answer to DELETE and in events only.",
                "enum": ["queued", "running", "succeeded", "failed", "canceled", "deleted"],
            },
            "percentComplete": { "type": ["number", "null"], "minimum": 0, "maximum": 100 },
            "phase": { "type": ["string", "null"] },
            "stage": nullable(&stage),
            "bytes": nullable(&bytes),
            "attempt": { "description": "How often it was started.", "type": "integer", "minimum": 0 },
            "params": {
                "description": "The params as they were sent; documents that came with them by name, size, type and digest.",
                "type": "object",
            },
            "createdAt": time(),
            "startedAt": nullable(&time()),
            "finishedAt": nullable(&time()),
            "expiresAt": {
                "description": "Not before: only time while the server is up counts.",
                "anyOf": [time(), { "type": "null" }],
            },
            "output": nullable(&schema("Output")),
            "error": nullable(&schema("JobError")),
            "callback": nullable(&callback),
            "links": links,
        }),
    )
}

fn job_id() -> Value {
    json!({
        "description": "A ULID: 26 characters of Crockford's base 32, in capitals or not.",
        "type": "string",
        "pattern": "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$",
    })
}

fn output() -> Value {
    object(
        "The result of a job.",
        &json!({
            "type": { "description": "`file` where the result is a file below a root.", "enum": ["http", "file"] },
            "path?": { "type": "string" },
            "uri": uri(),
            "size": { "description": "In bytes.", "type": "integer", "minimum": 0 },
            "mediaType": { "type": "string" },
            "filename": { "type": "string" },
            "sha256": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
        }),
    )
}

fn job_error() -> Value {
    object(
        "Why a job failed.",
        &json!({
            "code": { "description": "Stable. An operation may have its own.", "type": "string" },
            "message": { "type": "string" },
            "innererror?": {},
        }),
    )
}

fn monitor() -> Value {
    object(
        "A job as its link shows it.",
        &json!({
            "status": { "enum": ["notStarted", "inProgress", "completed", "failed"] },
            "percentageComplete": { "type": "number", "minimum": 0, "maximum": 100 },
            "operation?": { "type": "string" },
            "resourceId?": { "description": "The id of a job that has a result.", "type": "string" },
            "statusDescription?": { "type": "string" },
            "error?": schema("JobError"),
        }),
    )
}

fn operation() -> Value {
    let input = object(
        "A param that is a document.",
        &json!({
            "required": { "type": "boolean" },
            "list": { "type": "boolean" },
            "mediaTypes": { "type": "array", "items": { "type": "string" } },
        }),
    );
    object(
        "What a job can do.",
        &json!({
            "name": { "type": "string", "pattern": "^[a-z][a-z0-9-]*$" },
            "title": { "type": "string" },
            "params": { "description": "A JSON Schema.", "type": "object" },
            "inputs": { "type": "object", "additionalProperties": input },
            "output": object("What its results are, as a rule.", &json!({ "mediaType": { "type": "string" } })),
            "restart": { "description": "What becomes of a job that was running when the server died.", "enum": ["requeue", "fail"] },
            "maxAttempts": { "type": "integer", "minimum": 1, "description": "How many attempts at a job the server's death may cut \
                short before the job fails with `interrupted`. Orderly stops do not count. 3, unless the operation or \
                `max-attempts` says otherwise: `copy` has 10, since each attempt goes on where the last one was." },
            "links": object("Where it is.", &json!({ "self": uri() })),
        }),
    )
}

fn problem() -> Value {
    let fault = object(
        "One thing that is wrong.",
        &json!({
            "pointer": { "description": "Where: `#/param` or `?query`.", "type": "string" },
            "detail": { "type": "string" },
        }),
    );
    let codes: Vec<_> = CODES.iter().map(|(_, code)| code).collect();
    object(
        "An error (RFC 9457). `code` is stable, `detail` is for people.",
        &json!({
            "type": { "const": "about:blank" },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string" },
            "code": { "enum": codes },
            "instance": { "description": "The path that was asked for.", "type": "string" },
            "errors?": { "description": "Everything that is wrong.", "type": "array", "items": fault },
            "error?": schema("JobError"),
        }),
    )
}

/// One reply for each status that a problem has, by its number.
pub(in crate::http) fn problems() -> Map<String, Value> {
    let mut problems = Map::new();
    for (status, _) in CODES {
        let codes: Vec<_> = CODES
            .iter()
            .filter_map(|(its, code)| (its == status).then_some(*code))
            .collect();
        let headers = match *status {
            StatusCode::METHOD_NOT_ALLOWED => crate::http::openapi::reply("", &["Allow"], &[]),
            StatusCode::UNAUTHORIZED => crate::http::openapi::reply("", &["WWW-Authenticate"], &[]),
            StatusCode::RANGE_NOT_SATISFIABLE => {
                crate::http::openapi::reply("", &["Content-Range"], &[])
            }
            StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::INSUFFICIENT_STORAGE => {
                crate::http::openapi::reply("", &[], &["Retry-After"])
            }
            _ => crate::http::openapi::reply("", &[], &[]),
        };
        let narrowed = json!({ "properties": {
            "status": { "const": status.as_u16() },
            "code": { "enum": codes },
        }});
        problems.insert(
            status.as_str().to_owned(),
            json!({
                "description": format!("{}: `{}`.", status.canonical_reason().unwrap_or("A problem"), codes.join("`, `")),
                "headers": headers["headers"],
                "content": { "application/problem+json": {
                    "schema": { "allOf": [schema("Problem"), narrowed] },
                }},
            }),
        );
    }
    problems
}

/// How to say who asks.
pub(in crate::http) fn security() -> Value {
    json!({
        "token": { "type": "http", "scheme": "bearer" },
        "password": { "type": "http", "scheme": "basic", "description": "The token as the password." },
    })
}

pub(in crate::http) fn parameters() -> Map<String, Value> {
    let one = |place: &str, name: &str, description: &str, schema: Value| {
        let value = json!({
            "in": place,
            "name": name,
            "description": description,
            "required": place == "path",
            "schema": schema,
        });
        (name.to_owned(), value)
    };
    let text = json!({ "type": "string" });
    let duration =
        json!({ "type": "string", "format": "humantime", "examples": ["20s", "1m 30s", "5"] });
    let key = json!({
        "type": "string",
        "pattern": r#"^([!#-~]([ !#-~]{0,253}[!#-~])?|"[ !#-~]{1,255}")$"#,
    });
    [
        one("path", "id", "The job.", schema("JobId")),
        one("path", "token", "The unguessable end of the job's `links.monitor`.", text.clone()),
        one("query", "status", "Only jobs in one of these states, separated by commas.", json!({
            "type": "string",
            "pattern": "^(queued|running|succeeded|failed|canceled)(,(queued|running|succeeded|failed|canceled)){0,4}$",
        })),
        one("query", "operation", "Only jobs of this operation.", text.clone()),
        one("query", "limit", "How many jobs at most. A page of more than 2 MiB ends earlier, and `next` goes on.", json!({
            "type": "integer", "minimum": 1, "maximum": 1000, "default": 100,
        })),
        one("query", "after", "What `next` was.", json!({ "type": "string", "pattern": "^[0-9]{1,12}$" })),
        one("header", "Last-Event-ID", "The `id` of the last event that was seen.", text.clone()),
        one("query", "follow", "Whatever it is, unless `false`: go on until the job has ended.", json!({})),
        one("query", "keep", "Whether the result stays after it was downloaded whole.", json!({ "type": "boolean", "default": true })),
        one("query", "output", "The file below a root that the result becomes.", json!({ "type": "string", "format": "path" })),
        one("query", "callback", "Who is called when the job has ended.", uri()),
        one("query", "callback-method", "How: GET with `jobId`, or POST as Standard Webhooks 1.0.", json!({ "enum": ["GET", "POST"], "default": "GET" })),
        one("header", "Range", "Which bytes; of several ranges the whole is sent.", text.clone()),
        one("header", "If-Range", "The range is of the result with this `ETag`, or the whole is wanted.", text.clone()),
        one("header", "If-Match", "Only the result with this `ETag` is wanted.", text.clone()),
        one("query", "wait", "How long to wait, with a unit or in seconds; at most 55 s.", duration),
        one(
            "header",
            "If-None-Match",
            "The `ETag` of the version that is known already.",
            text.clone(),
        ),
        one(
            "header",
            "Prefer",
            "`wait=N`: the result itself if it comes within N seconds, at most 55; the ticket if not. \
             `respond-async`, the ticket at once, is what happens anyway. Anything else is passed over.",
            json!({ "type": "string", "examples": ["wait=10", "respond-async"] }),
        ),
        one(
            "header",
            "Idempotency-Key",
            "1 to 255 characters, quoted or bare. The same key with the same request gets the same job; \
             with another request, `422`.",
            key,
        ),
    ]
    .into_iter()
    .collect()
}

pub(in crate::http) fn headers() -> Map<String, Value> {
    let one = |name: &str, description: &str, schema: Value| {
        let value = json!({ "description": description, "schema": schema });
        (name.to_owned(), value)
    };
    let text = || json!({ "type": "string" });
    [
        one("Location", "Where to look next.", uri()),
        one("Operation-Location", "The same as `Location`.", uri()),
        one(
            "Content-Location",
            "Where the result is found again.",
            uri(),
        ),
        one(
            "Retry-After",
            "Seconds until it is worth asking again.",
            json!({ "type": "integer", "minimum": 1 }),
        ),
        one(
            "Link",
            "The job (`status`) and its link for others (`monitor`).",
            text(),
        ),
        one(
            "ETag",
            "Of a job, weak: its version. Of a result, strong: its SHA-256.",
            json!({ "type": "string", "pattern": "^(W/)?\"[0-9a-f]+\"$" }),
        ),
        one(
            "Vary",
            "What else the answer depends on.",
            json!({ "type": "string", "pattern": "^(prefer|origin)(, (prefer|origin))*$" }),
        ),
        one(
            "Preference-Applied",
            "The preferences that were honoured.",
            text(),
        ),
        one("Allow", "The methods that this address takes.", text()),
        one(
            "WWW-Authenticate",
            "How to show a token.",
            json!({ "const": "Bearer" }),
        ),
        one("Set-Cookie", "A session.", text()),
        one(
            "Content-Disposition",
            "The name to save the result under, in ASCII and whole (RFC 8187).",
            json!({ "type": "string", "pattern": "^attachment; " }),
        ),
        one(
            "Accept-Ranges",
            "Results are sent whole or by one range.",
            json!({ "const": "bytes" }),
        ),
        one(
            "Content-Range",
            "Which bytes of how many, or of how many none were (RFC 9110).",
            json!({ "type": "string", "pattern": "^bytes ([0-9]+-[0-9]+|[*])/[0-9]+$" }),
        ),
        one(
            "Repr-Digest",
            "The SHA-256 of the whole result (RFC 9530).",
            json!({ "type": "string", "pattern": "^sha-256=:" }),
        ),
        one(
            "X-Content-Type-Options",
            "Browsers do not guess.",
            json!({ "const": "nosniff" }),
        ),
        one(
            "Content-Security-Policy",
            "Browsers run nothing of it.",
            json!({ "const": "sandbox" }),
        ),
    ]
    .into_iter()
    .collect()
}
