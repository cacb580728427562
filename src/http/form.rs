//! Forms (multipart/form-data) on their way in: files go into the store, fields are text.

use std::borrow::Cow;

use bytes::BytesMut;
use encoding_rs::Encoding;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap};
use hyper::body::Incoming;
use multer::{Constraints, Field, Multipart, SizeLimit};
use serde_json::Value;

use super::intake::{Bounds, Kind, Upload, next_data, too_large};
use super::problem::Problem;
use crate::header_params::charset;
use crate::store::{Store, Uploads};

/// Parts of a form, at most.
const PARTS: usize = 10_000;

/// A part as its head describes it.
pub(super) struct Part<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Whether it is sent as a file.
    pub(super) is_file: bool,
    /// What it says that it is.
    pub(super) media_type: Option<&'a str>,
}

/// What becomes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// It is a document, to be stored.
    Document,
    /// It is text.
    Text,
    /// It is passed over.
    Nothing,
}

/// Where a form goes.
pub(super) struct Form<'a, F> {
    pub(super) store: &'a Store,
    pub(super) bounds: Bounds,
    /// Says what becomes of a part.
    pub(super) take: F,
}

impl<F: Fn(&Part<'_>) -> Result<Take, Problem>> Form<'_, F> {
    /// Reads a form: names and values in order. A document is an object as [`Upload::end`] makes it.
    ///
    /// # Errors
    /// 400, 408, 413, and what `take` says.
    pub(super) async fn read(
        &self,
        headers: &HeaderMap,
        body: Incoming,
        uploads: &mut Uploads,
    ) -> Result<Vec<(String, Value)>, Problem> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let boundary = multer::parse_boundary(content_type).map_err(|e| malformed(&e))?;
        let patience = self.bounds.patience;
        let stream = futures_util::stream::unfold(body, move |mut body| async move {
            let data = next_data(&mut body, patience).await.transpose()?;
            Some((data.map_err(Cut), body))
        });
        let limits = SizeLimit::new().per_field(self.bounds.upload);
        let constraints = Constraints::new().size_limit(limits);
        let mut form = Multipart::with_constraints(stream, boundary, constraints);
        let (mut pairs, mut parts, mut text_bytes) = (Vec::new(), 0, 0);
        while let Some(field) = form
            .next_field()
            .await
            .map_err(|e| problem(e, self.bounds))?
        {
            parts += 1;
            if parts > PARTS {
                return Err(Problem::malformed(format!(
                    "A form has {PARTS} parts at most."
                )));
            }
            let name = field.name().map(str::to_owned);
            let name = name.ok_or_else(|| Problem::malformed("A part of the form has no name."))?;
            let media_type = field
                .content_type()
                .map(|mime| mime.essence_str().to_owned());
            let part = Part {
                name: &name,
                is_file: is_file(&field),
                media_type: media_type.as_deref(),
            };
            let value = match (self.take)(&part)? {
                Take::Document => self.document(&name, media_type, field, uploads).await?,
                Take::Text => self.text(&name, field, &mut text_bytes).await?.into(),
                Take::Nothing => continue,
            };
            pairs.push((name, value));
        }
        Ok(pairs)
    }

    async fn document(
        &self,
        name: &str,
        media_type: Option<String>,
        mut field: Field<'_>,
        uploads: &mut Uploads,
    ) -> Result<Value, Problem> {
        let media_type = media_type.unwrap_or_else(|| "application/octet-stream".into());
        let charset = charset_of(&field);
        let filename = field.file_name().unwrap_or(name).to_owned();
        let mut upload = Upload::begin(self.store, self.bounds, 0)?;
        while let Some(data) = field.chunk().await.map_err(|e| problem(e, self.bounds))? {
            upload.append(&data).await?;
        }
        let kind = Kind {
            media_type: &media_type,
            charset,
        };
        upload.end(&filename, kind, uploads).await
    }

    /// A field's text; all of a form's together are as long as params may be.
    async fn text(
        &self,
        name: &str,
        mut field: Field<'_>,
        text_bytes: &mut usize,
    ) -> Result<String, Problem> {
        let mut text = BytesMut::new();
        let charset = charset_of(&field);
        while let Some(data) = field.chunk().await.map_err(|e| problem(e, self.bounds))? {
            *text_bytes += data.len();
            if *text_bytes > self.bounds.params {
                return Err(too_large(self.bounds));
            }
            text.extend_from_slice(&data);
        }
        let charset = charset.as_deref().unwrap_or("UTF-8");
        let text = Encoding::for_label_no_replacement(charset.as_bytes()).and_then(|encoding| {
            encoding.decode_without_bom_handling_and_without_replacement(&text)
        });
        text.map(Cow::into_owned)
            .ok_or_else(|| Problem::malformed(format!("The field {name:?} is not {charset}.")))
    }
}

/// The `charset` that the media type of a part gives.
fn charset_of(field: &Field<'_>) -> Option<String> {
    let media_type = field.headers().get(CONTENT_TYPE)?;
    charset(&String::from_utf8_lossy(media_type.as_bytes()))
}

/// Some clients send a file with an empty name.
fn is_file(field: &Field<'_>) -> bool {
    let disposition = field.headers().get(CONTENT_DISPOSITION);
    let disposition = disposition.and_then(|text| text.to_str().ok());
    field.file_name().is_some() || disposition.is_some_and(|text| text.contains("filename"))
}

/// The problem that ended a form's bytes, through the form's parser and back.
#[derive(Debug, thiserror::Error)]
#[error("the body was cut")]
struct Cut(Problem);

fn problem(error: multer::Error, bounds: Bounds) -> Problem {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast::<Cut>() {
            Ok(cut) => cut.0,
            Err(cause) => Problem::malformed(format!("The form cannot be read: {cause}.")),
        },
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            let detail = format!("An upload may be {} bytes long.", bounds.upload);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "upload_too_large", detail)
        }
        other => malformed(&other),
    }
}

fn malformed(error: &multer::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed_form",
        format!("The form cannot be read: {error}."),
    )
}
