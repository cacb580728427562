//! Errors on the wire: `application/problem+json` (RFC 9457) with a stable `code`.

use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde_json::Value;

use crate::engine::{self, ItemError, SubmitError};
use crate::http::response::body::Body;
use crate::job::Status;
use crate::operations::InvalidParam;
use crate::operations::files::browse::BrowseError;

/// Every code that a problem may have, with its status. Clients rely on codes: never rename or remove one.
pub(crate) const CODES: &[(StatusCode, &str)] = &[
    (StatusCode::BAD_REQUEST, "malformed_request"),
    (StatusCode::BAD_REQUEST, "malformed_json"),
    (StatusCode::BAD_REQUEST, "malformed_form"),
    (StatusCode::BAD_REQUEST, "invalid_idempotency_key"),
    (StatusCode::UNAUTHORIZED, "unauthorized"),
    (StatusCode::FORBIDDEN, "cross_site"),
    (StatusCode::FORBIDDEN, "not_allowed"),
    (StatusCode::FORBIDDEN, "prefetch"),
    (StatusCode::FORBIDDEN, "token_required_behind_proxy"),
    (StatusCode::NOT_FOUND, "not_found"),
    (StatusCode::CONFLICT, "source_not_ready"),
    (StatusCode::NOT_FOUND, "no_result"),
    (StatusCode::NOT_FOUND, "result_gone"),
    (StatusCode::NOT_FOUND, "result_not_ready"),
    (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    (StatusCode::REQUEST_TIMEOUT, "request_timeout"),
    (StatusCode::CONFLICT, "already_ended"),
    (StatusCode::CONFLICT, "not_ended"),
    (StatusCode::CONFLICT, "idempotency_key_in_use"),
    (StatusCode::CONFLICT, "job_canceled"),
    (StatusCode::PRECONDITION_FAILED, "precondition_failed"),
    (StatusCode::PAYLOAD_TOO_LARGE, "params_too_large"),
    (StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large"),
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
    (StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable"),
    (StatusCode::MISDIRECTED_REQUEST, "wrong_host"),
    (StatusCode::UNPROCESSABLE_ENTITY, "invalid_params"),
    (StatusCode::UNPROCESSABLE_ENTITY, "invalid_query"),
    (StatusCode::UNPROCESSABLE_ENTITY, "over_limit"),
    (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused"),
    (StatusCode::UNPROCESSABLE_ENTITY, "job_failed"),
    (StatusCode::NOT_IMPLEMENTED, "unsupported_transfer_coding"),
    (StatusCode::SERVICE_UNAVAILABLE, "queue_full"),
    (StatusCode::SERVICE_UNAVAILABLE, "database_busy"),
    (StatusCode::SERVICE_UNAVAILABLE, "storage_readonly"),
    (StatusCode::SERVICE_UNAVAILABLE, "store_failed"),
    (StatusCode::SERVICE_UNAVAILABLE, "server_busy"),
    (StatusCode::SERVICE_UNAVAILABLE, "server_stopping"),
    (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
    (StatusCode::SERVICE_UNAVAILABLE, "too_many_connections"),
    (StatusCode::INSUFFICIENT_STORAGE, "storage_full"),
];

/// The largest number of faults in a response.
const MAX_FAULTS: usize = 100;
/// The longest pointer in a response, in characters. A pointer may contain a name from the request.
const POINTER_CHARS: usize = 300;
/// The longest detail in a response, in characters. A detail may quote the request.
const DETAIL_CHARS: usize = 2000;

/// An error to send to a client.
#[derive(Debug, Clone)]
pub(crate) struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    code: &'static str,
    detail: String,
    faults: Vec<InvalidParam>,
    error: Option<Value>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// An error (RFC 9457). Programs should check `code`, which is stable; `detail` is for people.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
struct Wire<'a> {
    #[schemars(extend("const" = "about:blank"))]
    r#type: &'static str,
    title: &'a str,
    #[schemars(range(min = 400, max = 599))]
    status: u16,
    detail: &'a str,
    #[schemars(schema_with = "code_schema")]
    code: &'a str,
    /// The path of the request.
    instance: &'a str,
    /// All invalid values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WireFault<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "job_error_schema")]
    error: Option<&'a Value>,
}

/// One invalid value.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "InvalidValue")]
struct WireFault<'a> {
    /// The location of the value: `#/param` for a param, `?name` for a query parameter.
    pointer: &'a str,
    detail: &'a str,
}

/// Adds the schema of problems to the OpenAPI document.
pub(crate) fn add_schemas(generator: &mut SchemaGenerator) {
    generator.subschema_for::<Wire>();
}

fn code_schema(_: &mut SchemaGenerator) -> Schema {
    let codes: Vec<_> = CODES.iter().map(|(_, code)| code).collect();
    schemars::json_schema!({ "type": "string", "enum": codes })
}

fn job_error_schema(_: &mut SchemaGenerator) -> Schema {
    Schema::new_ref("#/components/schemas/JobError".to_owned())
}

impl Problem {
    /// A problem with a message for people. `status` and `code` are a pair in [`CODES`].
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        debug_assert!(CODES.contains(&(status, code)), "{status} {code} is new");
        let mut detail = detail.into();
        shorten(&mut detail, DETAIL_CHARS);
        Self(Box::new(Inner {
            status,
            code,
            detail,
            faults: Vec::new(),
            error: None,
            header: None,
        }))
    }

    /// A 404 response.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// The 404 response for an operation that does not exist.
    pub(crate) fn unknown_operation(name: &str) -> Self {
        Self::not_found(format!(
            "There is no operation named {name:?}. GET /v1/operations lists all operations."
        ))
    }

    /// A 400 response for a request that is malformed.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed_request", detail)
    }

    /// A 405 response; `allowed` is the value of `Allow`.
    pub(crate) fn method(allowed: &'static str) -> Self {
        let detail = format!("This URL does not support the method. It supports {allowed}.");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
            .with(ALLOW, HeaderValue::from_static(allowed))
    }

    /// The status in the native API.
    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// The detail, or all faults in one text, for dialects whose errors have no list. `field_name` translates the name of
    /// a param into the dialect's name.
    pub(crate) fn sentence(&self, field_name: impl Fn(&str) -> &str) -> String {
        if self.0.faults.is_empty() {
            return self.0.detail.clone();
        }
        let faults = self.0.faults.iter().map(|fault| {
            let name = fault.pointer.trim_start_matches(['#', '?', '/']);
            let (param, inside) = name.split_at(name.find('/').unwrap_or(name.len()));
            format!("{}{inside}: {}", field_name(param), fault.detail)
        });
        faults.collect::<Vec<_>>().join(" ")
    }

    /// Adds a header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Adds the faults, up to a limit: a short request may have thousands of faults.
    #[must_use]
    pub(crate) fn with_faults(mut self, mut faults: Vec<InvalidParam>) -> Self {
        if faults.len() > MAX_FAULTS {
            faults.truncate(MAX_FAULTS);
            let detail = format!(" Only the first {MAX_FAULTS} errors are listed.");
            self.0.detail.push_str(&detail);
        }
        for fault in &mut faults {
            shorten(&mut fault.pointer, POINTER_CHARS);
            shorten(&mut fault.detail, DETAIL_CHARS);
        }
        self.0.faults = faults;
        self
    }

    /// Adds a job's error.
    #[must_use]
    pub(crate) fn with_error(mut self, error: Value) -> Self {
        self.0.error = Some(error);
        self
    }

    /// Asks the client to retry after `seconds`.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u32) -> Self {
        self.with(RETRY_AFTER, seconds.into())
    }

    /// The status in dialects that answer 400 where the native API answers 422.
    pub(crate) fn status_elsewhere(&self) -> StatusCode {
        match self.0.status {
            StatusCode::UNPROCESSABLE_ENTITY => StatusCode::BAD_REQUEST,
            status => status,
        }
    }

    /// The response in such a dialect, with the body that it defines.
    pub(crate) fn translated(&self, body: String, media_type: &'static str) -> Response<Body> {
        let mut response = self.response("");
        *response.status_mut() = self.status_elsewhere();
        *response.body_mut() = Body::Full(body.into());
        let media_type = HeaderValue::from_static(media_type);
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response
    }

    /// The response in the native API; `instance` is the path of the request.
    pub(crate) fn response(&self, instance: &str) -> Response<Body> {
        let wire = Wire {
            r#type: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or("Error"),
            status: self.0.status.as_u16(),
            detail: &self.0.detail,
            code: self.0.code,
            instance,
            errors: self
                .0
                .faults
                .iter()
                .map(|f| WireFault {
                    pointer: &f.pointer,
                    detail: &f.detail,
                })
                .collect(),
            error: self.0.error.as_ref(),
        };
        let json = serde_json::to_vec(&wire).expect("plain structs always serialise");
        let mut response = crate::http::response::reply::json(self.0.status, json.into());
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some((name, value)) = &self.0.header {
            headers.insert(name, value.clone());
        }
        response
    }
}

/// Cuts a text after `chars` characters.
fn shorten(text: &mut String, chars: usize) {
    // A text with few bytes has few characters.
    if text.len() <= chars {
        return;
    }
    if let Some((end, _)) = text.char_indices().nth(chars) {
        text.truncate(end);
        text.push_str("...");
    }
}

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Self {
        use crate::engine::Error;
        let unavailable =
            |code, detail: &str| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail);
        match error {
            Error::NotFound => Self::not_found(
                "There is no such job: it never existed, was deleted or has expired.",
            ),
            Error::QueueFull(jobs) => unavailable(
                "queue_full",
                &format!("The queue is full: {jobs} jobs are waiting. Try again later."),
            )
            .retry_after(5),
            Error::NotEnded => {
                let detail = "The job has not ended yet. Only a job that has ended can be retried.";
                Self::new(StatusCode::CONFLICT, "not_ended", detail).retry_after(1)
            }
            Error::KeyTaken => {
                let detail = "A different request was submitted with this Idempotency-Key before. Use a new key for each new request.";
                Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "idempotency_key_reused",
                    detail,
                )
            }
            Error::StorageFull => {
                let detail = "The server has no storage space left. Nothing was stored. Delete jobs, or try again later.";
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage_full", detail).retry_after(60)
            }
            Error::Busy => unavailable(
                "database_busy",
                "The database is busy. Nothing was stored. Try again later.",
            )
            .retry_after(1),
            Error::ReadOnly => unavailable(
                "storage_readonly",
                "The server cannot write to its disk, which the operator must fix. Nothing was stored.",
            ),
            Error::Illegal(illegal) => {
                let status = illegal.status.as_str();
                let detail = match illegal.status {
                    Status::Queued | Status::Running => {
                        format!("The {status} job is already storing its result.")
                    }
                    _ => format!("The job has already ended: it is {status}."),
                };
                Self::new(StatusCode::CONFLICT, "already_ended", detail)
            }
            Error::Panicked(_) => {
                tracing::error!(%error, "a request failed because of a panic");
                unavailable(
                    "store_failed",
                    "The server failed while it handled the request. The request may or may not have been stored.",
                )
            }
            Error::Damaged => unavailable("store_failed", "The stored data is damaged."),
            Error::Stopped | Error::Database(_) => {
                tracing::error!(%error, "a request failed because of the store");
                unavailable(
                    "store_failed",
                    "The server's database failed. The request may or may not have been stored.",
                )
            }
        }
    }
}

impl From<ItemError> for Problem {
    fn from(error: ItemError) -> Self {
        match error {
            ItemError::Browse(error @ BrowseError::NotFound) => Self::not_found(error.to_string()),
            ItemError::Browse(error @ BrowseError::TooMany(_)) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "over_limit",
                error.to_string(),
            ),
            ItemError::Engine(error) => error.into(),
        }
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::UnknownOperation(name) => Self::unknown_operation(&name),
            SubmitError::Invalid(faults) => {
                let detail = "The parameters are invalid; see \"errors\".";
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_params", detail)
                    .with_faults(faults)
            }
            SubmitError::NoResult(detail) => {
                Self::new(StatusCode::CONFLICT, "source_not_ready", detail)
            }
            SubmitError::NoResultYet(detail) => {
                Self::new(StatusCode::CONFLICT, "source_not_ready", detail).retry_after(1)
            }
            SubmitError::Engine(error) => error.into(),
        }
    }
}
