//! A param that is a document: where its bytes come from.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Cursor, Read};

use bytes::{Buf, Bytes};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use super::source::Source;
use super::{Context, Fault, Stop, walk};
use crate::job::{BlobId, Failure};
use crate::store::BlobReader;

/// A document, as params have it: a path, or an object that says where it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Document {
    /// A file below a root.
    Path(String),
    /// By its `type`.
    Tagged(Tagged),
}

/// A document that says of what kind it is.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Tagged {
    /// A file below a root.
    File {
        /// Its path.
        path: String,
    },
    /// The text itself.
    Inline {
        /// The text.
        value: String,
    },
    /// What came with the submission.
    #[serde(rename_all = "camelCase")]
    Upload {
        /// What the client called it.
        name: String,
        /// Its length in bytes.
        size: u64,
        /// What the client says it is.
        media_type: String,
        /// Where the bytes are.
        blob: BlobId,
    },
}

impl JsonSchema for Document {
    fn schema_name() -> Cow<'static, str> {
        "Document".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A document: a path below a root, or an object that says where it is; or a part of the form.",
            "anyOf": [
                { "type": "string", "format": "path" },
                {
                    "type": "object",
                    "properties": { "type": { "const": "file" }, "path": { "type": "string", "format": "path" } },
                    "required": ["type", "path"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": { "type": { "const": "inline" }, "value": { "type": "string" } },
                    "required": ["type", "value"],
                    "additionalProperties": false,
                },
                // Only the server says this: what a part of a form or a raw body became.
                {
                    "readOnly": true,
                    "type": "object",
                    "properties": {
                        "type": { "const": "upload" },
                        "name": { "type": "string" },
                        "size": { "type": "integer", "minimum": 0 },
                        "mediaType": { "type": "string" },
                        "sha256": { "type": "string" },
                    },
                    "required": ["type", "name", "size", "mediaType"],
                },
            ],
        })
    }
}

/// A document's bytes, one after the other.
pub enum Opened {
    /// In memory.
    Inline(Cursor<Vec<u8>>),
    /// A file below a root.
    File(File),
    /// In the store, a chunk at a time.
    Blob(BlobBytes),
}

/// A blob's bytes in order.
pub struct BlobBytes {
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

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inline(text) => text.read(buffer),
            Self::File(file) => file.read(buffer),
            Self::Blob(blob) => blob.read(buffer),
        }
    }
}

impl Document {
    /// Opens it for reading.
    ///
    /// # Errors
    /// `source_not_found` or `source_unreadable` where it is a file.
    pub fn open(&self, context: &Context) -> Result<Opened, Stop> {
        match self {
            Self::Path(path) | Self::Tagged(Tagged::File { path }) => {
                let missing = |why: &str| {
                    Failure::new("source_not_found", format!("{path} cannot be read: {why}."))
                };
                let source = Source::open(context.roots(), path)?;
                let name = source
                    .file
                    .as_ref()
                    .ok_or_else(|| missing("it is a folder"))?;
                let opened = walk::open_file(context.roots(), &source.dir, name)?;
                Ok(Opened::File(opened.ok_or_else(|| missing("it is gone"))?.0))
            }
            Self::Tagged(Tagged::Inline { value }) => {
                Ok(Opened::Inline(Cursor::new(value.clone().into_bytes())))
            }
            Self::Tagged(Tagged::Upload { blob, .. }) => {
                let reader = context.store().read_blob(*blob);
                Ok(Opened::Blob(BlobBytes {
                    reader,
                    number: 0,
                    chunk: Bytes::new(),
                }))
            }
        }
    }
}

/// Finds uploads in params that did not come with the submission: their bytes would be somebody else's.
pub(super) fn forged_uploads(params: &Value, uploads: &[BlobId]) -> Vec<Fault> {
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
            let detail = "An upload is a part of a form or the body itself.".into();
            faults.push(Fault {
                pointer: format!("#/{name}"),
                detail,
            });
        }
    }
    faults
}
