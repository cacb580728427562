//! Bytes of bodies as they come in: bounded in number and in patience, short ones collected, long ones into the store.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use serde_json::{Value, json};

use crate::engine::{Store, Uploads};
use crate::http::request::media_type::MediaType;
use crate::http::response::problem::Problem;

/// Bounds of one body.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Bounds {
    /// The params, in bytes.
    pub(in crate::http) params: usize,
    /// Each upload, in bytes.
    pub(in crate::http) upload: u64,
    /// Without a byte.
    pub(in crate::http) idle_timeout: Duration,
}

/// Refuses bodies that would have to be decompressed.
pub(in crate::http) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    if codings.all(|coding| is_plain(coding.trim_ascii())) {
        return Ok(());
    }
    Err(unsupported(
        "This server takes bodies without Content-Encoding only.",
    ))
}

/// The refusal of a body by its type or coding.
pub(in crate::http) fn unsupported(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}

/// All bytes of a body that is known to be short.
pub(in crate::http) async fn collect(mut body: Incoming, bounds: Bounds) -> Result<Bytes, Problem> {
    if body.size_hint().lower() > bounds.params as u64 {
        return Err(too_large(bounds));
    }
    let mut bytes = BytesMut::new();
    while let Some(data) = next_data(&mut body, bounds.idle_timeout).await? {
        if bytes.len() + data.len() > bounds.params {
            return Err(too_large(bounds));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

/// The next bytes of a body; none at its end.
pub(in crate::http) async fn next_data(
    body: &mut Incoming,
    idle_timeout: Duration,
) -> Result<Option<Bytes>, Problem> {
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(idle_timeout, body.frame())
            .await
            .map_err(|_| {
                let detail = format!(
                    "No byte of the body came for {}.",
                    humantime::format_duration(idle_timeout)
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

/// A document on its way into the store.
pub(in crate::http) struct Upload {
    blob: crate::engine::BlobWriter,
    most: u64,
}

impl Upload {
    /// Begins one that is said to be at least `announced` bytes long.
    pub(in crate::http) fn begin(
        store: &Store,
        bounds: Bounds,
        announced: u64,
    ) -> Result<Self, Problem> {
        let upload = Self {
            blob: store.write_upload(),
            most: bounds.upload,
        };
        if announced > upload.most {
            Err(upload_too_large(upload.most))
        } else {
            Ok(upload)
        }
    }

    /// Takes some more bytes.
    pub(in crate::http) async fn append(&mut self, data: &[u8]) -> Result<(), Problem> {
        if self.blob.size() + data.len() as u64 > self.most {
            return Err(upload_too_large(self.most));
        }
        Ok(self.blob.append(data).await?)
    }

    /// The document as params have it; its bytes are among `uploads`.
    pub(in crate::http) async fn end(
        self,
        name: &str,
        media_type: MediaType,
        uploads: &mut Uploads,
    ) -> Result<Value, Problem> {
        let whole = self.blob.finish_async().await?;
        let mut document = json!({
            "type": "upload",
            "name": name,
            "size": whole.size,
            "mediaType": media_type.essence,
            "sha256": hex::encode(whole.sha256),
            "blob": whole.blob,
        });
        if let Some(charset) = media_type.charset {
            document["charset"] = charset.into();
        }
        uploads.push(whole);
        Ok(document)
    }
}

/// The refusal of a document that is longer than `most` bytes.
pub(in crate::http) fn upload_too_large(most: u64) -> Problem {
    let detail = format!("An upload may be {most} bytes long.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
}

/// The refusal of params that are longer than they may be.
pub(in crate::http) fn too_large(bounds: Bounds) -> Problem {
    let detail = format!("The params may be {} bytes long.", bounds.params);
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "params_too_large", detail)
}
