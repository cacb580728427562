//! Decoding a request's body, in any supported format, into params and uploads.

use std::borrow::Cow;

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use hyper::body::Body;
use serde_json::Value;

use crate::engine::{Engine, Uploads};
use crate::header_params::charset;
pub(crate) use crate::http::request::body_reader::{Bounds, collect};
use crate::http::request::body_reader::{Upload, check_encoding, next_data, unsupported};
use crate::http::request::form::{Form, Part, PartUse};
use crate::http::request::json_body;
use crate::http::request::media_type;
use crate::http::request::media_type::MediaType;
use crate::http::request::multipart::limits::PARTS;
use crate::http::request::query;
use crate::http::request::request_body::RequestBody;
use crate::http::response::problem::Problem;
use crate::operations::{OperationSpec, coerce};

/// A decoded body.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// The params; an upload is an object with `type`, `name`, `size`, `mediaType`, `sha256` and `blob`.
    pub(crate) params: Value,
    /// The bytes of the uploads. All but the last bytes of each are already on the disk.
    pub(crate) uploads: Uploads,
}

/// Whether a body may be or hold an upload.
pub(crate) fn may_be_long(headers: &HeaderMap) -> bool {
    !matches!(
        essence(headers).as_str(),
        "" | "application/json" | "application/x-www-form-urlencoded"
    )
}

fn essence(headers: &HeaderMap) -> String {
    media_type::essence(&content_type(headers))
}

/// The value of `Content-Type`; empty if the header is missing.
pub(crate) fn content_type(headers: &HeaderMap) -> Cow<'_, str> {
    let content_type = headers.get(CONTENT_TYPE);
    content_type.map_or(Cow::Borrowed(""), |value| {
        String::from_utf8_lossy(value.as_bytes())
    })
}

/// Decodes the body of a submission. `scalars` are the query parameters that are not options; they are the params of a
/// raw body.
///
/// # Errors
/// - 400 if the body is malformed or cut off
/// - 408 if it stalls
/// - 413 if it is too large
/// - 415 if its type or coding is not supported
/// - 422 if params are given in the query as well as in the body, or a file is not an input of the operation
/// - 503 or 507 if the store cannot take an upload
pub(crate) async fn read(
    headers: &HeaderMap,
    body: RequestBody,
    scalars: Vec<(String, String)>,
    operation: &OperationSpec,
    engine: &Engine,
    bounds: Bounds,
) -> Result<Decoded, Problem> {
    check_encoding(headers)?;
    let content_type = content_type(headers);
    let essence = media_type::essence(&content_type);
    // If an operation has exactly one document, the body may be that document in any other type, including `+json` types.
    let is_json = essence == "application/json"
        || (json_body::is_json(&essence) && only_input(operation).is_none());
    let is_form = matches!(
        essence.as_str(),
        "application/x-www-form-urlencoded" | "multipart/form-data"
    );
    if let Some((name, _)) = scalars.first().filter(|_| is_json || is_form) {
        return Err(query::fault(
            name,
            "Params must be in the body or in the query, not in both.",
        ));
    }
    let mut uploads = engine.uploads();
    let params = if is_json {
        let bytes = collect(body, bounds).await?;
        json_body::parse(&bytes, charset(&content_type).as_deref())?
    } else if essence == "multipart/form-data" {
        let form = Form {
            engine,
            bounds,
            part_use: |part: &Part<'_>| part_use(part, operation),
        };
        let pairs = form.read(&content_type, body, &mut uploads).await?;
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        coerce(pairs, &operation.params)
    } else if is_form {
        let bytes = collect(body, bounds).await?;
        coerce(texts(&url_encoded(&bytes, operation)?), &operation.params)
    } else if body.is_end_stream() && !is_empty_document(&essence, &scalars, operation) {
        coerce(texts(&scalars), &operation.params)
    } else {
        let document = document(&content_type, body, &mut uploads, operation, engine, bounds);
        let (name, document) = document.await?;
        coerce(texts(&scalars).chain([(name, document)]), &operation.params)
    };
    Ok(Decoded { params, uploads })
}

/// The fields of a URL-encoded form.
fn url_encoded(bytes: &[u8], operation: &OperationSpec) -> Result<Vec<(String, String)>, Problem> {
    let mut fields = form_urlencoded::parse(bytes).into_owned();
    let pairs: Vec<_> = fields.by_ref().take(PARTS).collect();
    if fields.next().is_some() {
        let detail = format!("The form cannot be read: it has more than {PARTS} fields.");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_form",
            detail,
        ));
    }
    let is_param = |name: &str| !operation.params["properties"][name].is_null();
    let is_form = pairs.first().is_none_or(|(name, _)| is_param(name));
    match looks_like(bytes).filter(|_| !is_form) {
        Some((format, media_type)) => Err(unsupported(format!(
            "The body looks like {format}, but its Content-Type is that of a form (curl's default). Send it with \
             Content-Type: {media_type}."
        ))),
        None => Ok(pairs),
    }
}

/// The format and media type of a body that is certainly not a form.
fn looks_like(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    match bytes.trim_ascii_start().first() {
        Some(b'{' | b'[') => Some(("JSON", "application/json")),
        Some(b'<') => Some(("XML", "application/xml")),
        _ => None,
    }
}

/// Whether an empty body is an empty document: it has a type, and the query does not name the document.
fn is_empty_document(
    essence: &str,
    scalars: &[(String, String)],
    operation: &OperationSpec,
) -> bool {
    let input = only_input(operation);
    input.is_some_and(|input| !essence.is_empty() && !scalars.iter().any(|(name, _)| name == input))
}

/// The name of an operation's document, if there is exactly one.
fn only_input(operation: &OperationSpec) -> Option<&str> {
    let mut names = operation.inputs.keys();
    match (names.next(), names.next()) {
        (Some(name), None) => Some(name),
        _ => None,
    }
}

/// Stores a body that is the one document of an operation, and returns it with its name among the params.
async fn document<'d>(
    content_type: &str,
    mut body: RequestBody,
    uploads: &mut Uploads,
    operation: &'d OperationSpec,
    engine: &Engine,
    bounds: Bounds,
) -> Result<(&'d str, Value), Problem> {
    let Some(name) = only_input(operation) else {
        let sent = match content_type {
            "" => "The request has no Content-Type. ",
            _ => "",
        };
        return Err(unsupported(format!(
            "{sent}Send params as JSON with Content-Type: application/json, or as application/x-www-form-urlencoded or \
             multipart/form-data. This operation does not take a single document as the body."
        )));
    };
    if content_type.is_empty() {
        return Err(unsupported(
            "The request has no Content-Type. Send params as JSON with Content-Type: application/json, or a document \
             with its own media type.",
        ));
    }
    let media_type = MediaType::parse(content_type)
        .map_err(|error| unsupported(format!("The body cannot be read: {error}.")))?;
    let media_type = media_type.ok_or_else(|| {
        let shown: String = content_type.chars().take(100).collect();
        unsupported(format!(
            "The Content-Type is {shown:?}; expected a media type like application/xml."
        ))
    })?;
    let mut upload = Upload::begin(engine, bounds, body.size_hint().lower())?;
    while let Some(data) = next_data(&mut body, bounds.idle_timeout).await? {
        upload.append(&data).await?;
    }
    Ok((name, upload.end(name, media_type, uploads).await?))
}

/// How a part of a form is used: files are documents, and other fields are text.
fn part_use(part: &Part<'_>, operation: &OperationSpec) -> Result<PartUse, Problem> {
    let is_input = operation.inputs.contains_key(part.name);
    if part.is_file && !is_input {
        let name = part.name.replace('~', "~0").replace('/', "~1");
        let fault = crate::operations::InvalidParam {
            pointer: format!("#/{name}"),
            detail: no_document(part.name, operation),
        };
        return Err(crate::engine::SubmitError::Invalid(vec![fault]).into());
    }
    Ok(if part.is_file {
        PartUse::Document
    } else {
        PartUse::Text
    })
}

fn no_document(name: &str, operation: &OperationSpec) -> String {
    let known: Vec<_> = operation.inputs.keys().map(String::as_str).collect();
    let known = if known.is_empty() {
        "It takes no files.".to_owned()
    } else {
        format!("Its documents are {}.", known.join(", "))
    };
    format!("The operation has no document named {name:?}. {known}")
}

fn texts(pairs: &[(String, String)]) -> impl Iterator<Item = (&str, Value)> {
    pairs
        .iter()
        .map(|(name, text)| (name.as_str(), Value::String(text.clone())))
}
