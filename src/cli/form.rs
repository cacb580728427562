//! Builds the body of a `multipart/form-data` request (RFC 7578). Files are read while they are sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::client::{Body, Error};

/// Size of each read from a file, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A form.
pub(super) struct Form {
    boundary: String,
    parts: Vec<Part>,
    /// Total length of the files when they were opened, in bytes.
    bytes: u64,
    /// Whether all files are regular, so that they can be read again.
    can_repeat: bool,
}

enum Part {
    Text(String),
    /// An open file and its length in bytes; `None` for a pipe and for files in `/proc`, which report a length of 0.
    File(File, Option<u64>),
}

impl Form {
    /// An empty form. The boundary must not occur in any part.
    pub(super) fn new(boundary: String) -> Self {
        Self {
            boundary,
            parts: Vec::new(),
            bytes: 0,
            can_repeat: true,
        }
    }

    /// Adds a field.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        let head = self.head(name, "");
        self.parts
            .push(Part::Text(format!("{head}\r\n{value}\r\n")));
    }

    /// Adds a file.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn file(&mut self, name: &str, path: &Path) -> Result<(), Error> {
        let wrong = |error| Error::Usage(format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(wrong)?;
        let metadata = file.metadata().map_err(wrong)?;
        self.bytes += metadata.len();
        self.can_repeat &= metadata.is_file();
        let length = Some(metadata.len()).filter(|length| metadata.is_file() && *length > 0);
        let filename = path.file_name().unwrap_or_default().to_string_lossy();
        let head = self.head(name, &format!("; filename=\"{}\"", quoted(&filename)));
        let head = format!("{head}Content-Type: application/octet-stream\r\n\r\n");
        self.parts.extend([
            Part::Text(head),
            Part::File(file, length),
            Part::Text("\r\n".to_owned()),
        ]);
        Ok(())
    }

    /// The value of the `Content-Type` header.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Total length of the files, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the form can be sent again: none of its files is a pipe.
    pub(super) fn can_repeat(&self) -> bool {
        self.can_repeat
    }

    /// The request body. `sent` is called with the number of file bytes in each chunk.
    pub(super) fn into_body(mut self, sent: impl Fn(u64) + Send + 'static) -> Body {
        let end = format!("--{}--\r\n", self.boundary);
        self.parts.push(Part::Text(end));
        let chunks = self.parts.into_iter().flat_map(Part::chunks);
        let frames = chunks.map(move |chunk| {
            let (bytes, chunk) = chunk?;
            sent(bytes);
            Ok(Frame::data(chunk))
        });
        StreamBody::new(stream::iter(frames)).boxed_unsync()
    }

    fn head(&self, name: &str, more: &str) -> String {
        format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{}\"{more}\r\n",
            self.boundary,
            quoted(name)
        )
    }
}

impl Part {
    /// The chunks of this part, each with the number of file bytes in it.
    fn chunks(self) -> Box<dyn Iterator<Item = io::Result<(u64, Bytes)>> + Send> {
        match self {
            Self::Text(text) => Box::new(std::iter::once(Ok((0, text.into())))),
            Self::File(file, length) => {
                // Stop at the length announced, even if another process keeps appending.
                let mut file = file.take(length.unwrap_or(u64::MAX));
                Box::new(std::iter::from_fn(move || {
                    let mut chunk = vec![0; CHUNK_BYTES];
                    match file.read(&mut chunk) {
                        Ok(0) if length.is_some() && file.limit() > 0 => {
                            let message = "a file was truncated while it was being sent";
                            // Report it once.
                            file.set_limit(0);
                            Some(Err(io::Error::other(message)))
                        }
                        Ok(0) => None,
                        Ok(bytes) => {
                            chunk.truncate(bytes);
                            Some(Ok((bytes as u64, chunk.into())))
                        }
                        Err(error) => Some(Err(error)),
                    }
                }))
            }
        }
    }
}

/// Escapes a name for a quoted string, as browsers do.
fn quoted(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
