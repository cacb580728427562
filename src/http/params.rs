//! A request's body becomes a submission's params and uploads, whatever form it has.

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::body::{Body, Incoming};
use serde_json::{Value, json};

use super::form::{Form, Part, Take};
pub(super) use super::intake::{Bounds, collect};
use super::intake::{Kind, Upload, next_data};
use super::problem::Problem;
use super::query;
use crate::header_params::charset;
use crate::operations::{Description, coerce};
use crate::store::{Store, Uploads};

/// What a body said.
#[derive(Debug)]
pub(super) struct Decoded {
    /// The params; an upload is an object with `type`, `name`, `size`, `mediaType`, `sha256` and `blob`.
    pub(super) params: Value,
    /// The uploads' bytes, on the disk but for their ends.
    pub(super) uploads: Uploads,
}

/// Whether a body may be or hold an upload.
pub(super) fn may_be_long(headers: &HeaderMap) -> bool {
    !matches!(
        essence(headers).as_str(),
        "" | "application/json" | "application/x-www-form-urlencoded"
    )
}

fn essence(headers: &HeaderMap) -> String {
    let essence = content_type(headers).split(';').next();
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

fn content_type(headers: &HeaderMap) -> &str {
    let content_type = headers.get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    content_type.unwrap_or_default()
}

/// Reads a body for an operation. `scalars` are the query parameters that are not options: a raw body's params.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    scalars: Vec<(String, String)>,
    operation: &Description,
    store: &Store,
    bounds: Bounds,
) -> Result<Decoded, Problem> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(unsupported(
            "This server takes bodies without Content-Encoding only.",
        ));
    }
    let essence = essence(headers);
    let in_the_body = matches!(
        essence.as_str(),
        "application/json" | "application/x-www-form-urlencoded" | "multipart/form-data"
    );
    if let Some((name, _)) = scalars.first().filter(|_| in_the_body) {
        return Err(query::fault(name, "The params are in the body."));
    }
    let mut uploads = store.uploads();
    if essence == "multipart/form-data" {
        let form = Form {
            store,
            bounds,
            take: |part: &Part<'_>| take(part, operation),
        };
        let pairs = form.read(headers, body, &mut uploads).await?;
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        return Ok(Decoded {
            params: coerce(pairs, &operation.params),
            uploads,
        });
    }
    match essence.as_str() {
        "application/json" => {
            let bytes = collect(body, bounds).await?;
            Ok(Decoded {
                params: json_object(&bytes)?,
                uploads,
            })
        }
        "application/x-www-form-urlencoded" => {
            let bytes = collect(body, bounds).await?;
            let pairs: Vec<_> = form_urlencoded::parse(&bytes).into_owned().collect();
            Ok(Decoded {
                params: coerce(texts(&pairs), &operation.params),
                uploads,
            })
        }
        _ if body.is_end_stream() && !is_empty_document(&essence, &scalars, operation) => {
            Ok(Decoded {
                params: coerce(texts(&scalars), &operation.params),
                uploads,
            })
        }
        _ => {
            let kind = Kind {
                media_type: &essence,
                charset: charset(content_type(headers)),
            };
            raw(kind, body, &scalars, operation, store, bounds).await
        }
    }
}

/// Whether a body without a byte is a document all the same: it has a type, and nothing else says what the document is.
fn is_empty_document(essence: &str, scalars: &[(String, String)], operation: &Description) -> bool {
    let mut names = operation.inputs.keys();
    match (names.next(), names.next()) {
        (Some(input), None) => {
            !essence.is_empty() && !scalars.iter().any(|(name, _)| name == input)
        }
        _ => false,
    }
}

/// A body that is itself the one document of an operation.
async fn raw(
    kind: Kind<'_>,
    body: Incoming,
    scalars: &[(String, String)],
    operation: &Description,
    store: &Store,
    bounds: Bounds,
) -> Result<Decoded, Problem> {
    let mut names = operation.inputs.keys();
    let (Some(name), None) = (names.next(), names.next()) else {
        return Err(unsupported(
            "The params are sent as application/json, application/x-www-form-urlencoded or multipart/form-data; \
             this operation has not exactly one document that the body could be.",
        ));
    };
    if kind.media_type.is_empty() {
        return Err(unsupported("A document is sent with its Content-Type."));
    }
    let mut uploads = store.uploads();
    let mut upload = Upload::begin(store, bounds, body.size_hint().lower())?;
    let mut body = body;
    while let Some(data) = next_data(&mut body, bounds.patience).await? {
        upload.append(&data).await?;
    }
    let document = upload.end(name, kind, &mut uploads).await?;
    let pairs = texts(scalars).chain([(name.as_str(), document)]);
    Ok(Decoded {
        params: coerce(pairs, &operation.params),
        uploads,
    })
}

/// What becomes of a part of a form: files are documents of the operation's.
fn take(part: &Part<'_>, operation: &Description) -> Result<Take, Problem> {
    let is_input = operation.inputs.contains_key(part.name);
    if part.is_file && !is_input {
        let fault = crate::operations::Fault {
            pointer: format!("#/{}", part.name),
            detail: format!("The operation takes no file as {:?}.", part.name),
        };
        return Err(crate::engine::SubmitError::Invalid(vec![fault]).into());
    }
    Ok(if part.is_file {
        Take::Document
    } else {
        Take::Text
    })
}

/// A body that is JSON; nothing is an empty object.
pub(super) fn json_object(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("The body is not JSON: {error}.");
        Problem::new(StatusCode::BAD_REQUEST, "malformed_json", detail)
    })
}

fn texts(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, Value)> {
    pairs
        .iter()
        .map(|(name, text)| (name.as_str(), Value::String(text.clone())))
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}
