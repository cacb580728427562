//! The [`Document`] param type: where a document comes from, and how to read it.

use std::borrow::Cow;
use std::io::{self, Cursor, Read};

use bytes::{Buf, Bytes};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use crate::header_params::charset;
use crate::job::{BlobId, Failure, JobId, Output, ResultLocation};
use crate::operations::documents::remote::RemoteReader;
use crate::operations::files::changes::FixedFile;
use crate::operations::files::source::{Source, unreadable};
use crate::operations::files::walk;
use crate::operations::result::open_output;
use crate::operations::{Context, InvalidParam, OperationError, OperationSpec};
use crate::roots::Roots;
use crate::store::BlobReader;

/// A document in the params: a path, a URL, or an object that says where the document is.
///
/// Use this as the type of a param, list the param in [`OperationSpec::inputs`], and read it with [`Document::open`].
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Document {
    /// The path of a file below a root, or an `http://` or `https://` URL.
    Path(String),
    /// An object with a `type`.
    Tagged(Tagged),
}

/// A document given as an object with a `type`.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Tagged {
    /// A file below a root.
    File {
        /// The path of the file.
        path: String,
    },
    /// A document at a URL, downloaded by the job.
    Http {
        /// The URL.
        uri: String,
        /// The value of the `Authorization` header. It is sent only to the host of the URL, and never shown to clients.
        authorization: Option<String>,
    },
    /// The text of the document.
    Inline {
        /// The text.
        value: String,
    },
    /// The result of another job.
    Job {
        /// The job's identifier.
        id: String,
    },
    /// A document uploaded with the submission.
    #[serde(rename_all = "camelCase")]
    Upload {
        /// The file name given by the client.
        name: String,
        /// The length in bytes.
        size: u64,
        /// The media type given by the client.
        media_type: String,
        /// The `charset` parameter of the media type.
        charset: Option<String>,
        /// The blob that holds the bytes.
        blob: BlobId,
    },
}

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A document: the path of a file below a root, an http:// or https:// URL, or an object with a type. {\"type\": \"file\", \"path\"} is a file below a root, {\"type\": \"http\", \"uri\"} a URL, {\"type\": \"inline\", \"value\"} the text itself, and {\"type\": \"job\", \"id\"} the result of another job. A form can contain the document as a file part.",
            "anyOf": [
                // The maximum length of a URL. Paths are shorter.
                { "type": "string", "format": "path", "maxLength": 8192 },
                {
                    "type": "object",
                    "properties": { "type": { "const": "file" }, "path": { "type": "string", "format": "path", "maxLength": 4096 } },
                    "required": ["type", "path"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "type": { "const": "http" },
                        "uri": { "type": "string", "format": "uri", "maxLength": 8192 },
                        "authorization": {
                            "type": "string", "format": "header-value", "maxLength": 8192, "writeOnly": true,
                        },
                    },
                    "required": ["type", "uri"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": { "type": { "const": "inline" }, "value": { "type": "string" } },
                    "required": ["type", "value"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "type": { "const": "job" },
                        "id": { "type": "string", "pattern": "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$" },
                    },
                    "required": ["type", "id"],
                    "additionalProperties": false,
                },
                // Only in responses: a form part or a raw body that the client uploaded.
                {
                    "readOnly": true,
                    "type": "object",
                    "properties": {
                        "type": { "const": "upload" },
                        "name": { "type": "string" },
                        "size": { "type": "integer", "minimum": 0 },
                        "mediaType": { "type": "string" },
                        "charset": { "type": "string" },
                        "sha256": { "type": "string" },
                    },
                    "required": ["type", "name", "size", "mediaType"],
                },
            ],
        })
    }
}

/// The information about a document's encoding that comes from outside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoding {
    /// The document is UTF-8 text, even if it declares another encoding, because it was part of a JSON text.
    Text,
    /// The `charset` parameter of the media type, if there is one.
    Charset(Option<String>),
}

/// An open document, read with [`Read`]. An [`io::Error`] returned by a read converts into the [`OperationError`] that
/// caused it.
pub struct Opened<'a> {
    bytes: OpenedBytes<'a>,
    encoding: Encoding,
}

impl Opened<'_> {
    /// The encoding, as far as it is known without reading the bytes.
    pub fn encoding(&self) -> &Encoding {
        &self.encoding
    }
}

enum OpenedBytes<'a> {
    /// Text in memory.
    Inline(Cursor<Vec<u8>>),
    /// A file below a root.
    File(FixedFile),
    /// A blob in the store, read chunk by chunk.
    Blob(BlobBytes),
    /// A document on another server.
    Remote(Box<RemoteReader<'a>>),
}

/// Reads the bytes of a blob in order.
struct BlobBytes {
    reader: BlobReader,
    number: u32,
    chunk: Bytes,
}

impl Read for BlobBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() {
            let Some(chunk) = self.reader.chunk(self.number)? else {
                return Ok(0);
            };
            self.number += 1;
            self.chunk = chunk;
        }
        let taken = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..taken]);
        Ok(taken)
    }
}

impl Read for Opened<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.bytes {
            OpenedBytes::Inline(text) => text.read(buffer),
            OpenedBytes::File(file) => file.read(buffer),
            OpenedBytes::Blob(blob) => blob.read(buffer),
            OpenedBytes::Remote(remote) => remote.read(buffer),
        }
    }
}

impl Document {
    /// Opens the document for reading.
    ///
    /// # Errors
    /// A failure with code `source_not_found` if the file or the result of the job does not exist, `source_unreadable` if
    /// the file cannot be read, `fetch_failed` if the URL cannot be downloaded; [`OperationError::Canceled`] if the attempt
    /// was asked to stop.
    pub fn open<'a>(&self, context: &'a Context) -> Result<Opened<'a>, OperationError> {
        let remote = |uri: &str, authorization| {
            let remote = RemoteReader::open(context, uri, authorization)?;
            let charset = remote.charset();
            Ok::<_, OperationError>((OpenedBytes::Remote(Box::new(remote)), charset))
        };
        let (bytes, charset) = match self {
            Self::Path(url) if is_url(url) => remote(url, None)?,
            Self::Tagged(Tagged::Http { uri, authorization }) => {
                remote(uri, authorization.as_deref())?
            }
            Self::Path(path) | Self::Tagged(Tagged::File { path }) => {
                let missing = |why: &str| {
                    Failure::new("source_not_found", format!("{path} cannot be read: {why}."))
                };
                let source = Source::open(context.roots(), path)?;
                let name = source
                    .file
                    .as_ref()
                    .ok_or_else(|| missing("it is a folder"))?;
                let opened = walk::open_file(context.roots(), &source.dir, name)
                    .map_err(|error| unreadable(path, &error))?;
                let (file, metadata) = opened.ok_or_else(|| missing("it no longer exists"))?;
                let file = FixedFile::new(context.log(), path.clone(), file, metadata.len());
                (OpenedBytes::File(file), None)
            }
            Self::Tagged(Tagged::Inline { value }) => {
                return Ok(Opened {
                    bytes: OpenedBytes::Inline(Cursor::new(value.clone().into_bytes())),
                    encoding: Encoding::Text,
                });
            }
            Self::Tagged(Tagged::Upload { blob, charset, .. }) => {
                (blob_of(context, *blob), charset.clone())
            }
            Self::Tagged(Tagged::Job { id }) => open_job(context, id)?,
        };
        let encoding = Encoding::Charset(charset);
        Ok(Opened { bytes, encoding })
    }

    /// The file name of another job's result, which is not in the params. `None` for other documents.
    ///
    /// # Errors
    /// A failure with code `source_not_found` if the job or its result does not exist.
    pub(in crate::operations) fn name_of_result(
        &self,
        context: &Context,
    ) -> Result<Option<String>, OperationError> {
        match self {
            Self::Tagged(Tagged::Job { id }) => Ok(Some(output_of(context, id)?.filename)),
            _ => Ok(None),
        }
    }
}

fn blob_of(context: &Context, blob: BlobId) -> OpenedBytes<'_> {
    OpenedBytes::Blob(BlobBytes {
        reader: context.store().read_blob(blob),
        number: 0,
        chunk: Bytes::new(),
    })
}

/// Opens another job's result and returns the `charset` of its media type.
fn open_job<'a>(
    context: &'a Context,
    id: &str,
) -> Result<(OpenedBytes<'a>, Option<String>), OperationError> {
    let output = output_of(context, id)?;
    let bytes = match &output.location {
        ResultLocation::Blob(blob) => blob_of(context, *blob),
        ResultLocation::File { path, modified_ns } => {
            let file = open_output(context.roots(), path, output.size, *modified_ns);
            let file = file.ok_or_else(|| gone(id))?;
            let file = FixedFile::new(context.log(), path.clone(), file, output.size);
            OpenedBytes::File(file)
        }
        ResultLocation::Consumed => return Err(gone(id).into()),
    };
    Ok((bytes, charset(&output.media_type)))
}

/// The result of another job. The client's access to that job was checked when this job was submitted.
fn output_of(context: &Context, id: &str) -> Result<Output, OperationError> {
    let gone = || gone(id);
    let source: JobId = id.parse().map_err(|_| gone())?;
    let job = context.block_on(context.store().job(source.seq()))?;
    let job = job.map_err(io::Error::from)?.ok_or_else(gone)?;
    let output = job.output().filter(|_| job.id == source);
    Ok(output.ok_or_else(gone)?.clone())
}

fn gone(id: &str) -> Failure {
    let message = format!("The result of job {id} does not exist or was deleted.");
    Failure::new("source_not_found", message)
}

/// The ids of jobs whose results the params refer to, each with the JSON Pointer of the reference: `(pointer, id)`.
pub(crate) fn source_jobs(params: &Value, description: &OperationSpec) -> Vec<(String, String)> {
    let mut jobs = Vec::new();
    each(params, description, |pointer, document| {
        if let Ok(Tagged::Job { id }) = Tagged::deserialize(document) {
            jobs.push((pointer, id));
        }
    });
    jobs
}

/// Finds document paths that are not below a root.
pub(in crate::operations) fn misplaced(
    params: &Value,
    description: &OperationSpec,
    roots: &Roots,
) -> Vec<InvalidParam> {
    let mut faults = Vec::new();
    each(params, description, |pointer, document| {
        let path = document.as_str().filter(|text| !is_url(text)).or_else(|| {
            let is_file = document["type"] == "file";
            document["path"].as_str().filter(|_| is_file)
        });
        if let Some(Err(refusal)) = path.map(|path| roots.admit(path)) {
            let detail = refusal.to_string();
            faults.push(InvalidParam { pointer, detail });
        }
    });
    faults
}

/// Calls `visit` for every document in the params, with its JSON Pointer.
fn each(params: &Value, description: &OperationSpec, mut visit: impl FnMut(String, &Value)) {
    for (name, value) in params.as_object().into_iter().flatten() {
        if !description.inputs.contains_key(name) {
            continue;
        }
        match value {
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    visit(format!("#/{name}/{number}"), item);
                }
            }
            one => visit(format!("#/{name}"), one),
        }
    }
}

/// Whether a text is an HTTP URL. No path starts with `http://` or `https://`.
pub(crate) fn is_url(text: &str) -> bool {
    let begins = |scheme: &str| {
        let start = text.as_bytes().get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme.as_bytes()))
    };
    begins("http://") || begins("https://")
}

/// Finds uploads in the params that did not come with this submission. They would expose another client's bytes.
pub(in crate::operations) fn forged_uploads(
    params: &Value,
    uploads: &[BlobId],
) -> Vec<InvalidParam> {
    let is_forged = |value: &Value| {
        value["type"] == "upload"
            && !uploads
                .iter()
                .any(|blob| value["blob"].as_i64() == Some(blob.0))
    };
    let mut faults = Vec::new();
    for (name, value) in params.as_object().into_iter().flatten() {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        if items.iter().any(is_forged) {
            let detail =
                "Params cannot refer to an upload. Send the document as a form part or as the body."
                    .into();
            faults.push(InvalidParam {
                pointer: format!("#/{name}"),
                detail,
            });
        }
    }
    faults
}
