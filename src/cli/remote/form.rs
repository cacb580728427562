//! A form of fields and files (RFC 7578) on its way out; files are read as they are sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::super::client::Body;
use super::{EXIT_FAILED, EXIT_USAGE, Failure};

/// What is read of a file at once, in bytes.
const PIECE: usize = 64 * 1024;

/// One form.
pub(super) struct Form {
    boundary: String,
    parts: Vec<Part>,
}

enum Part {
    Text(String),
    File(File),
}

impl Form {
    /// An empty one.
    pub(super) fn new() -> Result<Self, Failure> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Failure::new(EXIT_FAILED, error))?;
        Ok(Self {
            boundary: hex::encode(random),
            parts: Vec::new(),
        })
    }

    /// Adds a field.
    pub(super) fn field(&mut self, name: &str, value: &str) {
        let head = self.head(name, "");
        self.parts
            .push(Part::Text(format!("{head}\r\n{value}\r\n")));
    }

    /// Adds a file.
    pub(super) fn file(&mut self, name: &str, path: &Path) -> Result<(), Failure> {
        let wrong = |error| Failure::new(EXIT_USAGE, format!("{}: {error}", path.display()));
        let file = File::open(path).map_err(wrong)?;
        let filename = path.file_name().unwrap_or_default().to_string_lossy();
        let head = self.head(name, &format!("; filename=\"{}\"", quoted(&filename)));
        let head = format!("{head}Content-Type: application/octet-stream\r\n\r\n");
        self.parts.extend([
            Part::Text(head),
            Part::File(file),
            Part::Text("\r\n".to_owned()),
        ]);
        Ok(())
    }

    /// Its media type.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// All of it, as it is sent.
    pub(super) fn into_body(mut self) -> Body {
        let end = format!("--{}--\r\n", self.boundary);
        self.parts.push(Part::Text(end));
        let pieces = self.parts.into_iter().flat_map(Part::pieces);
        let frames = pieces.map(|piece| piece.map(Frame::data));
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
    fn pieces(self) -> Box<dyn Iterator<Item = io::Result<Bytes>> + Send> {
        match self {
            Self::Text(text) => Box::new(std::iter::once(Ok(text.into()))),
            Self::File(mut file) => Box::new(std::iter::from_fn(move || {
                let mut piece = vec![0; PIECE];
                match file.read(&mut piece) {
                    Ok(0) => None,
                    Ok(bytes) => {
                        piece.truncate(bytes);
                        Some(Ok(piece.into()))
                    }
                    Err(error) => Some(Err(error)),
                }
            })),
        }
    }
}

/// A name between quotes, as browsers write it.
fn quoted(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// `name=FILE`.
pub(super) fn named_file(text: &str) -> Result<(&str, &Path), Failure> {
    let wrong = || Failure::new(EXIT_USAGE, format!("{text:?} is not NAME=FILE"));
    let (name, path) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name, Path::new(path)))
}
