//! The components that several routes share: schemas, problems, parameters and headers.

use http::StatusCode;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::http::native::wire;
use crate::http::openapi::builder::{reply, schema};
use crate::http::response::problem;
use crate::http::response::problem::CODES;

/// The schemas, by name. Those of jobs and problems come from the structs that are serialized.
pub(crate) fn schemas() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    wire::add_schemas(&mut generator);
    problem::add_schemas(&mut generator);
    let mut schemas = generator.take_definitions(true);
    for (name, schema) in [
        ("JobId", job_id()),
        ("Monitor", monitor()),
        ("Operation", operation()),
    ] {
        schemas.insert(name.to_owned(), schema);
    }
    schemas
}

/// The schema of an object. Members are required unless their names end in `?`.
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

fn uri() -> Value {
    json!({ "type": "string", "format": "uri" })
}

fn job_id() -> Value {
    json!({
        "description": "A ULID: 26 characters of Crockford's base 32, in upper or lower case.",
        "type": "string",
        "pattern": "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$",
    })
}

fn monitor() -> Value {
    object(
        "A job as shown by its monitor link.",
        &json!({
            "status": { "enum": ["notStarted", "inProgress", "completed", "failed"] },
            "percentageComplete": { "type": "number", "minimum": 0, "maximum": 100 },
            "operation?": { "type": "string" },
            "resourceId?": { "description": "The id of the job; present only if the job has a result.", "type": "string" },
            "statusDescription?": { "type": "string" },
            "error?": schema("JobError"),
        }),
    )
}

fn operation() -> Value {
    let input = object(
        "A param that takes a document.",
        &json!({
            "required": { "type": "boolean" },
            "list": { "type": "boolean" },
            "mediaTypes": { "type": "array", "items": { "type": "string" } },
        }),
    );
    object(
        "A kind of work that jobs can do.",
        &json!({
            "name": { "type": "string", "pattern": "^[a-z][a-z0-9-]*$" },
            "title": { "type": "string" },
            "params": { "description": "The JSON Schema of the params, in the order of their declaration. Values of params with `writeOnly` are never shown.", "type": "object" },
            "inputs": { "type": "object", "additionalProperties": input },
            "output": object("The usual media type of the results.", &json!({ "mediaType": { "type": "string" } })),
            "restart": { "description": "What happens to a job that was running when the server crashed: it is queued again, or it fails.", "enum": ["requeue", "fail"] },
            "maxAttempts": { "type": "integer", "minimum": 1, "description": "The number of attempts that crashes of the server can \
                interrupt before the job fails with `interrupted`. Orderly shutdowns do not count. The default is 3 \
                unless the operation or `max-attempts` sets another value; `copy` has 10, because each attempt resumes \
                where the previous one stopped." },
            "links": object("Related URLs.", &json!({ "self": uri() })),
        }),
    )
}

/// One reply for each status that a problem can have, keyed by the status code.
pub(crate) fn problems() -> Map<String, Value> {
    let mut problems = Map::new();
    for (status, _) in CODES {
        let codes: Vec<_> = CODES
            .iter()
            .filter_map(|(other, code)| (other == status).then_some(*code))
            .collect();
        let headers = match *status {
            StatusCode::METHOD_NOT_ALLOWED => reply("", &["Allow"], &[]),
            StatusCode::UNAUTHORIZED => reply("", &["WWW-Authenticate"], &[]),
            StatusCode::RANGE_NOT_SATISFIABLE => reply("", &["Content-Range"], &[]),
            StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::INSUFFICIENT_STORAGE => reply("", &[], &["Retry-After"]),
            _ => reply("", &[], &[]),
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

/// The ways to authenticate.
pub(crate) fn security() -> Value {
    json!({
        "token": { "type": "http", "scheme": "bearer" },
        "password": { "type": "http", "scheme": "basic", "description": "The password is the token; the user name is ignored." },
    })
}

/// The parameters, by name.
pub(crate) fn parameters() -> Map<String, Value> {
    let one = |location: &str, name: &str, description: &str, schema: Value| {
        let value = json!({
            "in": location,
            "name": name,
            "description": description,
            "required": location == "path",
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
        one("path", "id", "The id of the job.", schema("JobId")),
        one("path", "token", "The unguessable last segment of the job's `links.monitor`.", text.clone()),
        one("query", "status", "Only jobs in one of these states, separated by commas.", json!({
            "type": "string",
            "pattern": "^(queued|running|succeeded|failed|canceled)(,(queued|running|succeeded|failed|canceled)){0,4}$",
        })),
        one("query", "operation", "Only jobs of this operation.", text.clone()),
        one("query", "id-prefix", "Only jobs whose id begins with this, in either case.", json!({
            "type": "string", "pattern": "^[0-7][0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{0,25}$",
        })),
        one("query", "limit", "The maximum number of jobs per page. A page also ends once it exceeds 2 MiB.", json!({
            "type": "integer", "minimum": 1, "maximum": 1000, "default": 100,
        })),
        one("query", "after", "The `next` of the previous page.", json!({ "type": "string", "pattern": "^[0-9]{1,12}$" })),
        one("header", "Last-Event-ID", "The `id` of the last event that the client received.", text.clone()),
        one("query", "follow", "With any value except `false`, stream the log until the job has finished.", json!({})),
        one("query", "keep", "Whether to keep the result after it has been downloaded completely.", json!({ "type": "boolean", "default": true })),
        one("query", "output", "The file below a root to write the result to.", json!({ "type": "string", "format": "path" })),
        one("query", "callback", "The URL to call when the job has finished. Delivery is retried until the URL answers 2xx.", uri()),
        one("query", "callback-method", "The method of the callback: GET with `jobId` in the query, or POST as in Standard Webhooks 1.0.", json!({ "enum": ["GET", "POST"], "default": "GET" })),
        one("header", "traceparent", "The trace that the job belongs to (W3C Trace Context). Passed on unchanged to commands, callbacks and the requests that the job makes. An invalid one is ignored.", text.clone()),
        one("header", "tracestate", "Passed on with `traceparent`.", text.clone()),
        one("header", "Range", "The range of bytes to send. A request for several ranges gets the whole result.", text.clone()),
        one("header", "If-Range", "Send the range only if the result has this `ETag`, else the whole result.", text.clone()),
        one("header", "If-Match", "Fail with `412` unless the result has this `ETag`.", text.clone()),
        one("query", "wait", "How long to wait: a duration with a unit, or a number of seconds. At most 55 s.", duration),
        one(
            "header",
            "If-None-Match",
            "The `ETag` of the version that the client already has.",
            text.clone(),
        ),
        one(
            "header",
            "Prefer",
            "`wait=N` returns the result itself if the job finishes within N seconds (at most 55), else the job with \
             `202`. `respond-async` returns the job at once, which is the default. Other preferences are ignored.",
            json!({ "type": "string", "examples": ["wait=10", "respond-async"] }),
        ),
        one(
            "header",
            "Idempotency-Key",
            "1 to 255 characters, quoted or unquoted. Repeating a request with the same key returns the same job; \
             a different request with the same key gets `422`.",
            key,
        ),
    ]
    .into_iter()
    .collect()
}

/// The response headers, by name.
pub(crate) fn headers() -> Map<String, Value> {
    let one = |name: &str, description: &str, schema: Value| {
        let value = json!({ "description": description, "schema": schema });
        (name.to_owned(), value)
    };
    let text = || json!({ "type": "string" });
    [
        one("Location", "The URL to request next.", uri()),
        one("Operation-Location", "The same URL as `Location`.", uri()),
        one(
            "Content-Location",
            "The URL of the result.",
            uri(),
        ),
        one(
            "Retry-After",
            "The number of seconds to wait before the next request.",
            json!({ "type": "integer", "minimum": 1 }),
        ),
        one(
            "Link",
            "The job (`rel=\"status\"`) and its monitor link (`rel=\"monitor\"`); in listings, the next page (`rel=\"next\"`).",
            text(),
        ),
        one(
            "ETag",
            "For a job, a weak tag of its version. For a result, a strong tag, the SHA-256.",
            json!({ "type": "string", "pattern": "^(W/)?\"[0-9a-f]+\"$" }),
        ),
        one(
            "Vary",
            "The request headers that the response depends on.",
            json!({ "type": "string", "pattern": "^(prefer|origin)(, (prefer|origin))*$" }),
        ),
        one(
            "Preference-Applied",
            "The preferences that were applied.",
            text(),
        ),
        one("Allow", "The methods that this path supports.", text()),
        one(
            "WWW-Authenticate",
            "The authentication scheme.",
            json!({ "const": "Bearer" }),
        ),
        one("Set-Cookie", "The session cookie.", text()),
        one(
            "Content-Disposition",
            "The file name for the result, in ASCII and in full (RFC 8187).",
            json!({ "type": "string", "pattern": "^attachment; " }),
        ),
        one(
            "Accept-Ranges",
            "Results can be requested by byte range, one range per request.",
            json!({ "const": "bytes" }),
        ),
        one(
            "Content-Range",
            "The range that was sent and the total size, or only the total size with `416` (RFC 9110).",
            json!({ "type": "string", "pattern": "^bytes ([0-9]+-[0-9]+|[*])/[0-9]+$" }),
        ),
        one(
            "Repr-Digest",
            "The SHA-256 of the whole result (RFC 9530).",
            json!({ "type": "string", "pattern": "^sha-256=:" }),
        ),
        one(
            "X-Content-Type-Options",
            "Browsers must not guess the media type.",
            json!({ "const": "nosniff" }),
        ),
        one(
            "Content-Security-Policy",
            "Browsers must not run scripts in the result.",
            json!({ "const": "sandbox" }),
        ),
    ]
    .into_iter()
    .collect()
}
