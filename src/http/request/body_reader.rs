//! Reading request bodies within limits on size and time: short ones into memory, uploads into the store.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body_util::BodyExt;
use hyper::body::Body;
use serde_json::{Value, json};

use crate::engine::{Engine, UploadWriter, Uploads};
use crate::http::request::media_type::MediaType;
use crate::http::request::request_body::RequestBody;
use crate::http::response::problem::Problem;

/// The limits on one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The largest params, in bytes.
    pub(crate) params: usize,
    /// The largest upload, in bytes.
    pub(crate) upload: u64,
    /// The longest time without a byte.
    pub(crate) idle_timeout: Duration,
}

/// Rejects bodies that would have to be decompressed.
///
/// # Errors
/// 415 if there is a `Content-Encoding` other than `identity`.
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), Problem> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_plain = |coding: &[u8]| coding.is_empty() || coding.eq_ignore_ascii_case(b"identity");
    if codings.all(|coding| is_plain(coding.trim_ascii())) {
        return Ok(());
    }
    Err(unsupported(
        "The body has a Content-Encoding. Send it uncompressed, without that header.",
    ))
}

/// The rejection of a body because of its type or coding.
pub(crate) fn unsupported(detail: impl Into<String>) -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        detail,
    )
}

/// Reads a whole body into memory.
///
/// # Errors
/// - 400 if the body is cut off or malformed
/// - 408 if it stalls
/// - 413 if it is longer than params may be
pub(crate) async fn collect(mut body: RequestBody, bounds: Bounds) -> Result<Bytes, Problem> {
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

/// The next bytes of a body; `None` at its end.
///
/// # Errors
/// 400 if the body is cut off or malformed, 408 if it stalls.
pub(crate) async fn next_data(
    body: &mut RequestBody,
    idle_timeout: Duration,
) -> Result<Option<Bytes>, Problem> {
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(idle_timeout, body.frame())
            .await
            .map_err(|_| {
                let detail = format!(
                    "No byte of the body arrived for {}. Send the request again.",
                    humantime::format_duration(idle_timeout)
                );
                Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
            })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| {
            let detail = "The body ended before its announced length, or its chunks are malformed.";
            Problem::malformed(detail)
        })?;
        // Trailers are ignored.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// A document that is being written to the store.
pub(crate) struct Upload {
    writer: UploadWriter,
    max_bytes: u64,
}

impl Upload {
    /// Starts an upload of at least `announced` bytes.
    ///
    /// # Errors
    /// 413 if it is too large.
    pub(crate) fn begin(engine: &Engine, bounds: Bounds, announced: u64) -> Result<Self, Problem> {
        let upload = Self {
            writer: engine.write_upload(),
            max_bytes: bounds.upload,
        };
        if announced > upload.max_bytes {
            Err(upload_too_large(upload.max_bytes))
        } else {
            Ok(upload)
        }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// 413 if the upload becomes too large; 503 or 507 if the store cannot take the bytes.
    pub(crate) async fn append(&mut self, data: &[u8]) -> Result<(), Problem> {
        if self.writer.size() + data.len() as u64 > self.max_bytes {
            return Err(upload_too_large(self.max_bytes));
        }
        Ok(self.writer.append(data).await?)
    }

    /// Finishes the upload: adds its bytes to `uploads` and returns the document's object for the params.
    ///
    /// # Errors
    /// 503 or 507 if the store cannot take the last bytes.
    pub(crate) async fn end(
        self,
        name: &str,
        media_type: MediaType,
        uploads: &mut Uploads,
    ) -> Result<Value, Problem> {
        let blob = self.writer.finish().await?;
        let mut document = json!({
            "type": "upload",
            "name": name,
            "size": blob.size,
            "mediaType": media_type.essence,
            "sha256": hex::encode(blob.sha256),
            "blob": blob.blob,
        });
        if let Some(charset) = media_type.charset {
            document["charset"] = charset.into();
        }
        uploads.push(blob);
        Ok(document)
    }
}

/// The rejection of an upload that is longer than `max_bytes`.
pub(crate) fn upload_too_large(max_bytes: u64) -> Problem {
    let detail = format!(
        "The upload is longer than the limit of {max_bytes} bytes (upload-bytes in the server's configuration)."
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
}

/// The rejection of params that are longer than the limit.
pub(crate) fn too_large(bounds: Bounds) -> Problem {
    let detail = format!(
        "The params are longer than the limit of {} bytes (params-bytes in the server's configuration).",
        bounds.params
    );
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "params_too_large", detail)
}
