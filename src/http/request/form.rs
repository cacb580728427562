//! Reading forms (`multipart/form-data`): files go into the store, other fields are text.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use encoding_rs::Encoding;
use http::StatusCode;
use serde_json::Value;

use crate::engine::{Engine, Uploads};
use crate::http::request::body_reader::{Bounds, Upload, next_data, too_large, upload_too_large};
use crate::http::request::media_type::MediaType;
use crate::http::request::multipart::{Event, Head, Reader};
use crate::http::request::request_body::RequestBody;
use crate::http::response::problem::Problem;

/// A part, as its head describes it.
pub(crate) struct Part<'a> {
    /// The name of the field.
    pub(crate) name: &'a str,
    /// Whether the part is a file.
    pub(crate) is_file: bool,
    /// The media type that the client gives.
    pub(crate) media_type: Option<&'a str>,
}

/// How a part is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartUse {
    /// Stored as a document.
    Document,
    /// Read as text.
    Text,
    /// Skipped.
    Skip,
}

/// The settings to read a form with.
pub(crate) struct Form<'a, F> {
    pub(crate) engine: &'a Engine,
    pub(crate) bounds: Bounds,
    /// Decides how a part is used.
    pub(crate) part_use: F,
}

impl<F: Fn(&Part<'_>) -> Result<PartUse, Problem>> Form<'_, F> {
    /// Reads a form with this `Content-Type` into names and values, in order. A document becomes an object; see
    /// [`Upload::end`]. A file input without a file is left out.
    ///
    /// # Errors
    /// - 400 if the form is malformed or cut off
    /// - 408 if it stalls
    /// - 413 if a part or all text is too long
    /// - 503 or 507 if the store cannot take a document
    /// - The errors of `part_use`
    pub(crate) async fn read(
        &self,
        content_type: &str,
        body: RequestBody,
        uploads: &mut Uploads,
    ) -> Result<Vec<(String, Value)>, Problem> {
        let mut parts = Parts {
            reader: Reader::new(content_type).map_err(malformed)?,
            body,
            timeout: self.bounds.idle_timeout,
            is_in_part: false,
            peeked: None,
        };
        let (mut pairs, mut text_bytes) = (Vec::new(), 0);
        while let Some(head) = parts.next().await? {
            // Names take memory as well as text.
            text_bytes += head.name.len() + head.file_name.as_ref().map_or(0, String::len);
            self.check_text(text_bytes)?;
            // Browsers send a file input without a file as a part without a file name and without content.
            if head.file_name.as_deref() == Some("") && parts.is_empty().await? {
                continue;
            }
            let part = Part {
                name: &head.name,
                is_file: head.file_name.is_some(),
                media_type: head.media_type.as_ref().map(|kind| kind.essence.as_str()),
            };
            let value = match (self.part_use)(&part)? {
                PartUse::Document => self.document(&head, &mut parts, uploads).await?,
                PartUse::Text => self.text(&head, &mut parts, &mut text_bytes).await?.into(),
                PartUse::Skip => {
                    self.skip(&mut parts).await?;
                    continue;
                }
            };
            pairs.push((head.name, value));
        }
        Ok(pairs)
    }

    async fn document(
        &self,
        head: &Head,
        parts: &mut Parts,
        uploads: &mut Uploads,
    ) -> Result<Value, Problem> {
        let name = head.file_name.as_deref().filter(|name| !name.is_empty());
        let media_type = head.media_type.clone();
        let mut upload = Upload::begin(self.engine, self.bounds, 0)?;
        while let Some(data) = parts.data().await? {
            upload.append(&data).await?;
        }
        let media_type = media_type.unwrap_or_else(MediaType::unknown);
        upload
            .end(name.unwrap_or(&head.name), media_type, uploads)
            .await
    }

    /// The text of a field. `text_bytes` counts the text of the whole form, which is limited like params.
    async fn text(
        &self,
        head: &Head,
        parts: &mut Parts,
        text_bytes: &mut usize,
    ) -> Result<String, Problem> {
        let mut text = BytesMut::new();
        while let Some(data) = parts.data().await? {
            *text_bytes += data.len();
            self.check_text(*text_bytes)?;
            text.extend_from_slice(&data);
        }
        let charset = head
            .media_type
            .as_ref()
            .and_then(|kind| kind.charset.as_deref());
        let charset = charset.unwrap_or("UTF-8");
        let text = Encoding::for_label_no_replacement(charset.as_bytes()).and_then(|encoding| {
            encoding.decode_without_bom_handling_and_without_replacement(&text)
        });
        text.map(Cow::into_owned).ok_or_else(|| {
            malformed(format!(
                "the text of the field {:?} is not valid {charset}",
                head.name
            ))
        })
    }

    /// Skips a part, which may be as long as an upload.
    async fn skip(&self, parts: &mut Parts) -> Result<(), Problem> {
        let mut bytes = 0;
        while let Some(data) = parts.data().await? {
            bytes += data.len() as u64;
            if bytes > self.bounds.upload {
                return Err(upload_too_large(self.bounds.upload));
            }
        }
        Ok(())
    }

    fn check_text(&self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.bounds.params {
            return Err(too_large(self.bounds));
        }
        Ok(())
    }
}

/// The parts of a form, read from a body as it arrives.
struct Parts {
    reader: Reader,
    body: RequestBody,
    timeout: Duration,
    /// Whether the current part may have more content.
    is_in_part: bool,
    /// Content that has been read ahead.
    peeked: Option<Bytes>,
}

impl Parts {
    /// The head of the next part. The rest of the previous part is skipped.
    async fn next(&mut self) -> Result<Option<Head>, Problem> {
        self.peeked = None;
        loop {
            match self.event().await? {
                Event::Head(head) => {
                    self.is_in_part = true;
                    return Ok(Some(head));
                }
                Event::Data(_) | Event::PartEnd => {}
                Event::FormEnd => return Ok(None),
            }
        }
    }

    /// Whether the part has no content. Call it before reading any content.
    async fn is_empty(&mut self) -> Result<bool, Problem> {
        self.peeked = self.data().await?;
        Ok(self.peeked.is_none())
    }

    /// The next content of the part; `None` at its end.
    async fn data(&mut self) -> Result<Option<Bytes>, Problem> {
        if let Some(data) = self.peeked.take() {
            return Ok(Some(data));
        }
        if !self.is_in_part {
            return Ok(None);
        }
        if let Event::Data(data) = self.event().await? {
            return Ok(Some(data));
        }
        self.is_in_part = false;
        Ok(None)
    }

    async fn event(&mut self) -> Result<Event, Problem> {
        loop {
            if let Some(event) = self.reader.next().map_err(malformed)? {
                return Ok(event);
            }
            match next_data(&mut self.body, self.timeout).await? {
                Some(data) => self.reader.push(&data),
                None => self.reader.end(),
            }
        }
    }
}

fn malformed(error: impl Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_form",
        format!("The form cannot be read: {error}."),
    )
}
