//! A form of fields and files (RFC 7578) on its way out; files are read as they are sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::client::{Body, Error};

/// What is read of a file at once, in bytes.
const PIECE: usize = 64 * 1024;

/// One form.
pub(super) struct Form {
    boundary: String,
    parts: Vec<Part>,
    /// Of its files, as long as they are now.
    bytes: u64,
    /// Whether all of its files are such that they can be read once more.
    can_repeat: bool,
}

enum Part {
    Text(String),
    /// With its length, unless it is a pipe or one of the kernel's files, which say that they are empty.
    File(File, Option<u64>),
}

impl Form {
    /// An empty one, with what stands between its parts and in none of them.
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

    /// Its media type.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// How many bytes its files have.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the same form can be made again: none of its files is a pipe.
    pub(super) fn can_repeat(&self) -> bool {
        self.can_repeat
    }

    /// All of it, as it is sent; `sent` hears of every byte of a file.
    pub(super) fn into_body(mut self, sent: impl Fn(u64) + Send + 'static) -> Body {
        let end = format!("--{}--\r\n", self.boundary);
        self.parts.push(Part::Text(end));
        let pieces = self.parts.into_iter().flat_map(Part::pieces);
        let frames = pieces.map(move |piece| {
            let (bytes, piece) = piece?;
            sent(bytes);
            Ok(Frame::data(piece))
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
    /// What it consists of, each with how many bytes of a file are in it.
    fn pieces(self) -> Box<dyn Iterator<Item = io::Result<(u64, Bytes)>> + Send> {
        match self {
            Self::Text(text) => Box::new(std::iter::once(Ok((0, text.into())))),
            Self::File(file, length) => {
                // Whoever goes on writing to it does not keep it from being sent.
                let mut file = file.take(length.unwrap_or(u64::MAX));
                Box::new(std::iter::from_fn(move || {
                    let mut piece = vec![0; PIECE];
                    match file.read(&mut piece) {
                        Ok(0) if length.is_some() && file.limit() > 0 => {
                            let message = "a file became shorter while it was sent";
                            // Once.
                            file.set_limit(0);
                            Some(Err(io::Error::other(message)))
                        }
                        Ok(0) => None,
                        Ok(bytes) => {
                            piece.truncate(bytes);
                            Some(Ok((bytes as u64, piece.into())))
                        }
                        Err(error) => Some(Err(error)),
                    }
                }))
            }
        }
    }
}

/// A name between quotes, as browsers write it.
fn quoted(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
