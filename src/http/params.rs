//! A request's body becomes a submission's params and uploads, whatever form it has.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::{Value, json};

use super::problem::Problem;
use super::query;
use crate::operations::{Description, coerce};
use crate::store::{Store, Uploads};

/// Parts of a form, at most.
const PARTS: usize = 10_000;

/// Bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// The params, in bytes.
    pub(super) params: usize,
    /// Each upload, in bytes.
    pub(super) upload: u64,
    /// Without a byte.
    pub(super) patience: Duration,
}

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
    let content_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    essence.trim().to_ascii_lowercase()
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
    let uploads = store.uploads();
    if essence == "multipart/form-data" {
        let form = Form {
            operation,
            store,
            bounds,
            uploads,
            pairs: Vec::new(),
            params_bytes: 0,
        };
        return form.read(headers, body).await;
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
        _ => raw(&essence, body, &scalars, operation, store, bounds).await,
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
    essence: &str,
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
    if essence.is_empty() {
        return Err(unsupported("A document is sent with its Content-Type."));
    }
    let mut uploads = store.uploads();
    let mut upload = Upload::begin(store, bounds, body.size_hint().lower())?;
    let mut body = body;
    while let Some(data) = next_data(&mut body, bounds.patience).await? {
        upload.append(&data).await?;
    }
    let document = upload.end(name, essence, &mut uploads).await?;
    let pairs = texts(scalars).chain([(name.as_str(), document)]);
    Ok(Decoded {
        params: coerce(pairs, &operation.params),
        uploads,
    })
}

/// A form on its way in: fields are params, files are inputs.
struct Form<'a> {
    operation: &'a Description,
    store: &'a Store,
    bounds: Bounds,
    uploads: Uploads,
    pairs: Vec<(String, Value)>,
    params_bytes: usize,
}

impl Form<'_> {
    async fn read(mut self, headers: &HeaderMap, body: Incoming) -> Result<Decoded, Problem> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let boundary = multer::parse_boundary(content_type).map_err(|e| malformed_form(&e))?;
        let patience = self.bounds.patience;
        let stream = futures_util::stream::unfold(body, move |mut body| async move {
            let data = next_data(&mut body, patience).await.transpose()?;
            Some((data.map_err(Cut), body))
        });
        let limits = SizeLimit::new().per_field(self.bounds.upload);
        let constraints = Constraints::new().size_limit(limits);
        let mut form = Multipart::with_constraints(stream, boundary, constraints);
        while let Some(field) = form
            .next_field()
            .await
            .map_err(|e| form_problem(e, self.bounds))?
        {
            if self.pairs.len() == PARTS {
                return Err(Problem::malformed(format!(
                    "A form has {PARTS} parts at most."
                )));
            }
            self.part(field).await?;
        }
        let pairs = self
            .pairs
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        Ok(Decoded {
            params: coerce(pairs, &self.operation.params),
            uploads: self.uploads,
        })
    }

    async fn part(&mut self, mut field: Field<'_>) -> Result<(), Problem> {
        let name = field.name().map(str::to_owned);
        let name = name.ok_or_else(|| Problem::malformed("A part of the form has no name."))?;
        let filename = field.file_name().map(str::to_owned);
        let is_file = filename.is_some()
            || field
                .headers()
                .get(CONTENT_DISPOSITION)
                .is_some_and(is_unnamed_file);
        if is_file && self.operation.inputs.contains_key(&name) {
            let media_type = field
                .content_type()
                .map_or("application/octet-stream", |mime| mime.essence_str())
                .to_owned();
            let mut upload = Upload::begin(self.store, self.bounds, 0)?;
            while let Some(data) = field
                .chunk()
                .await
                .map_err(|e| form_problem(e, self.bounds))?
            {
                upload.append(&data).await?;
            }
            let mut document = upload
                .end(
                    filename.as_deref().unwrap_or(&name),
                    &media_type,
                    &mut self.uploads,
                )
                .await?;
            document["mediaType"] = media_type.into();
            self.pairs.push((name, document));
            return Ok(());
        }
        if is_file {
            let detail = format!("The operation takes no file as {name:?}.");
            let fault = crate::operations::Fault {
                pointer: format!("#/{name}"),
                detail,
            };
            return Err(crate::engine::SubmitError::Invalid(vec![fault]).into());
        }
        let mut text = BytesMut::new();
        while let Some(data) = field
            .chunk()
            .await
            .map_err(|e| form_problem(e, self.bounds))?
        {
            self.params_bytes += data.len();
            if self.params_bytes > self.bounds.params {
                return Err(too_large(self.bounds));
            }
            text.extend_from_slice(&data);
        }
        let text = String::from_utf8(text.to_vec());
        let text =
            text.map_err(|_| Problem::malformed(format!("The field {name:?} is not UTF-8.")))?;
        self.pairs.push((name, Value::String(text)));
        Ok(())
    }
}

/// Some clients send a file with an empty name.
fn is_unnamed_file(disposition: &http::HeaderValue) -> bool {
    disposition
        .to_str()
        .is_ok_and(|text| text.contains("filename"))
}

/// A document on its way into the store.
struct Upload {
    blob: crate::store::BlobWriter,
    most: u64,
}

impl Upload {
    fn begin(store: &Store, bounds: Bounds, announced: u64) -> Result<Self, Problem> {
        let upload = Self {
            blob: store.write_blob(),
            most: bounds.upload,
        };
        if announced > upload.most {
            Err(upload.too_large())
        } else {
            Ok(upload)
        }
    }

    async fn append(&mut self, data: &[u8]) -> Result<(), Problem> {
        if self.blob.size() + data.len() as u64 > self.most {
            return Err(self.too_large());
        }
        Ok(self.blob.append(data).await?)
    }

    async fn end(
        self,
        name: &str,
        media_type: &str,
        uploads: &mut Uploads,
    ) -> Result<Value, Problem> {
        let whole = self.blob.finish_async().await?;
        let document = json!({
            "type": "upload",
            "name": name,
            "size": whole.size,
            "mediaType": media_type,
            "sha256": hex::encode(whole.sha256),
            "blob": whole.blob,
        });
        uploads.push(whole);
        Ok(document)
    }

    fn too_large(&self) -> Problem {
        let detail = format!("An upload may be {} bytes long.", self.most);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
    }
}

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

/// All bytes of a body that is known to be short.
pub(super) async fn collect(mut body: Incoming, bounds: Bounds) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > bounds.params as u64 {
        return Err(too_large(bounds));
    }
    let mut bytes = BytesMut::new();
    while let Some(data) = next_data(&mut body, bounds.patience).await? {
        if bytes.len() + data.len() > bounds.params {
            return Err(too_large(bounds));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// The next bytes of a body; none at its end.
async fn next_data(body: &mut Incoming, patience: Duration) -> Result<Option<Bytes>, Problem> {
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(patience, body.frame())
            .await
            .map_err(|_| {
                let detail = format!(
                    "No byte of the body came for {}.",
                    humantime::format_duration(patience)
                );
                Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
            })?;
        let Some(frame) = frame else { break };
        let frame =
            frame.map_err(|_| Problem::malformed("The body ended early or is not framed well."))?;
        // Trailers are passed over.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// The problem that ended a form's bytes, through the form's parser and back.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut")]
struct Cut(Problem);

fn form_problem(error: multer::Error, bounds: Bounds) -> Problem {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Cut>() {
            Ok(cut) => cut.0,
            Err(cause) => Problem::malformed(format!("The form cannot be read: {cause}.")),
        },
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            let detail = format!("An upload may be {} bytes long.", bounds.upload);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
        }
        other => malformed_form(&other),
    }
}

fn malformed_form(error: &multer::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_form",
        format!("The form cannot be read: {error}."),
    )
}

fn too_large(bounds: Bounds) -> Problem {
    let detail = format!("The params may be {} bytes long.", bounds.params);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "params_too_large", detail)
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}
