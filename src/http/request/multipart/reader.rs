//! Finds the parts of a form in bytes that arrive in chunks of any length.
//!
//! A delimiter is CRLF, two hyphens and the boundary, alone on its line (RFC 2046, section 5.1.1). The CRLF before the
//! first delimiter is optional, and so is the one between headers and delimiter in a part without content. Neither case
//! needs special code: the buffer starts with a CRLF, and the CRLF at the end of a line stays in the buffer until the next
//! bytes are known.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::{self, Finder};
use memchr::memrchr;

use crate::header_params;
use crate::http::request::multipart::limits::{
    BOUNDARY_BYTES, EPILOGUE_BYTES, HEAD_BYTES, PADDING_BYTES, PARTS, PREAMBLE_BYTES,
};
use crate::http::request::multipart::{Error, Head};

const CRLF: &[u8] = b"\r\n";
const BLANK_LINE: &[u8] = b"\r\n\r\n";

/// An event in a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A part begins with these headers.
    Head(Head),
    /// Some content of the part.
    Data(Bytes),
    /// The part ends.
    PartEnd,
    /// The form ends.
    FormEnd,
}

/// A reader of forms, fed with bytes as they arrive.
#[derive(Debug)]
pub(crate) struct Reader {
    /// CRLF, two hyphens and the boundary.
    delimiter: Finder<'static>,
    /// Bytes that no event has covered yet.
    buffer: BytesMut,
    state: State,
    parts: usize,
    ended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first delimiter, with this many bytes skipped.
    Preamble(usize),
    /// In the headers of a part, at the CRLF of the delimiter's line. This many bytes are known to have no blank line.
    Head(usize),
    /// At the CRLF of the blank line after them.
    BlankLine,
    /// In the content.
    Content,
    /// After the last delimiter, with this many bytes skipped.
    Epilogue(usize),
}

/// The next delimiter in the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The first bytes, this many, contain no delimiter. The rest may be the beginning of one.
    NotBefore(usize),
    /// A delimiter starts at `at`, and the rest of the form at `end`.
    Delimiter {
        at: usize,
        end: usize,
        is_last: bool,
    },
}

/// The bytes after a boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    /// The end of the line, after this many bytes of padding.
    Next(usize),
    /// Two hyphens: this is the last delimiter.
    Last,
    /// LF without CR.
    LineFeed,
    /// Other bytes: this is not a delimiter.
    Other,
    /// Not enough bytes to decide.
    Unknown,
}

impl Reader {
    /// A reader for a form with this `Content-Type`.
    ///
    /// # Errors
    /// [`Error::NoBoundary`], [`Error::ManyBoundaries`] or [`Error::LongBoundary`].
    pub(crate) fn new(content_type: &str) -> Result<Self, Error> {
        let mut boundaries =
            header_params::params(content_type).filter(|(name, _)| name == "boundary");
        let boundary = boundaries.next().map(|(_, value)| value);
        let boundary = boundary.filter(|value| !value.is_empty());
        let boundary = boundary.ok_or(Error::NoBoundary)?;
        if boundaries.next().is_some() {
            return Err(Error::ManyBoundaries);
        }
        if boundary.len() > BOUNDARY_BYTES {
            return Err(Error::LongBoundary);
        }
        let delimiter = format!("\r\n--{boundary}");
        Ok(Self {
            delimiter: Finder::new(&delimiter).into_owned(),
            buffer: BytesMut::from(CRLF),
            state: State::Preamble(0),
            parts: 0,
            ended: false,
        })
    }

    /// Adds more bytes.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// Notes the end of the bytes.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The next event; `None` if more bytes or the end are needed.
    ///
    /// # Errors
    /// The [`Error`] of a malformed form, which cannot be read any further.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, Error> {
        if let State::Preamble(skipped) = self.state {
            self.preamble(skipped)?;
        }
        let event = match self.state {
            State::Preamble(_) => None,
            State::Head(searched) => self.head(searched)?,
            State::BlankLine | State::Content => self.content()?,
            State::Epilogue(skipped) => return self.epilogue(skipped),
        };
        if event.is_none() && self.ended {
            return Err(Error::Truncated(self.boundary()));
        }
        Ok(event)
    }

    /// Skips the bytes before the first delimiter.
    fn preamble(&mut self, skipped: usize) -> Result<(), Error> {
        let (length, end) = match self.find() {
            Found::NotBefore(at) => (at, None),
            Found::Delimiter { at, end, is_last } => (at, Some((end, is_last))),
        };
        if skipped + length > PREAMBLE_BYTES || (end.is_none() && self.ended) {
            return Err(Error::NoPart(self.boundary()));
        }
        if let Some((end, is_last)) = end {
            return self.pass(end, is_last);
        }
        if let Some(at) = self.delimiter.find(&self.buffer)
            && self.line_end(at) == LineEnd::LineFeed
        {
            return Err(Error::BareLineFeed);
        }
        self.buffer.advance(length);
        self.state = State::Preamble(skipped + length);
        Ok(())
    }

    /// Reads headers, whose first `searched` bytes are known to have no blank line.
    fn head(&mut self, searched: usize) -> Result<Option<Event>, Error> {
        // The searched bytes may end with the beginning of a blank line.
        let from = searched.saturating_sub(BLANK_LINE.len() - 1);
        let found = memmem::find(&self.buffer[from..], BLANK_LINE).map(|at| from + at);
        let length = found.unwrap_or(self.buffer.len());
        // A partial blank line does not count, so that the limit does not depend on the chunks.
        let partial_bytes = if found.is_some() {
            0
        } else {
            BLANK_LINE.len() - 1
        };
        if length > HEAD_BYTES + partial_bytes {
            return Err(Error::LongHead);
        }
        if found.is_none() {
            self.state = State::Head(length);
            return Ok(None);
        }
        let lines = self.buffer.split_to(length);
        self.buffer.advance(CRLF.len());
        self.state = State::BlankLine;
        // The line of the delimiter ends where the headers begin.
        let head = Head::parse(lines.strip_prefix(CRLF).unwrap_or_default())?;
        Ok(Some(Event::Head(head)))
    }

    /// Reads content up to the next delimiter.
    fn content(&mut self) -> Result<Option<Event>, Error> {
        let mut found = self.find();
        if self.state == State::BlankLine {
            match found {
                Found::NotBefore(0) => return Ok(None),
                // There is no content: the end of the blank line is the beginning of the delimiter.
                Found::Delimiter { at: 0, .. } => {}
                _ => {
                    self.buffer.advance(CRLF.len());
                    self.state = State::Content;
                    found = self.find();
                }
            }
        }
        match found {
            Found::Delimiter {
                at: 0,
                end,
                is_last,
            } => {
                self.pass(end, is_last)?;
                Ok(Some(Event::PartEnd))
            }
            Found::NotBefore(0) => Ok(None),
            Found::NotBefore(at) | Found::Delimiter { at, .. } => {
                Ok(Some(Event::Data(self.buffer.split_to(at).freeze())))
            }
        }
    }

    /// Skips the bytes after the last delimiter.
    fn epilogue(&mut self, skipped: usize) -> Result<Option<Event>, Error> {
        let skipped = skipped + self.buffer.len();
        if skipped > EPILOGUE_BYTES {
            return Err(Error::LongEpilogue);
        }
        self.buffer.clear();
        self.state = State::Epilogue(skipped);
        Ok(self.ended.then_some(Event::FormEnd))
    }

    /// Moves past a delimiter.
    fn pass(&mut self, end: usize, is_last: bool) -> Result<(), Error> {
        self.buffer.advance(end);
        if is_last {
            self.state = State::Epilogue(0);
            return Ok(());
        }
        self.parts += 1;
        if self.parts > PARTS {
            return Err(Error::ManyParts);
        }
        self.state = State::Head(0);
        Ok(())
    }

    /// The first delimiter in the buffer, as far as the bytes decide.
    fn find(&self) -> Found {
        let mut from = 0;
        while let Some(found) = self.delimiter.find(&self.buffer[from..]) {
            let at = from + found;
            let boundary_end = at + self.delimiter.needle().len();
            let (end, is_last) = match self.line_end(at) {
                LineEnd::Unknown => return Found::NotBefore(at),
                LineEnd::Next(padding) => (boundary_end + padding, false),
                LineEnd::Last => (boundary_end + 2, true),
                LineEnd::LineFeed | LineEnd::Other => {
                    from = boundary_end;
                    continue;
                }
            };
            return Found::Delimiter { at, end, is_last };
        }
        // CR occurs in a delimiter only as its first byte, so only the last CR can begin one.
        let tail = &self.buffer[from..];
        let partial_start =
            memrchr(b'\r', tail).filter(|at| self.delimiter.needle().starts_with(&tail[*at..]));
        Found::NotBefore(from + partial_start.unwrap_or(tail.len()))
    }

    /// The bytes after the boundary of the delimiter at `at`.
    fn line_end(&self, at: usize) -> LineEnd {
        let rest = &self.buffer[at + self.delimiter.needle().len()..];
        if rest.starts_with(b"--") {
            return LineEnd::Last;
        }
        let is_padding = |byte: &u8| matches!(byte, b' ' | b'\t');
        let padding = rest.iter().take_while(|byte| is_padding(byte)).count();
        match &rest[padding..] {
            _ if padding > PADDING_BYTES => LineEnd::Other,
            [b'\r', b'\n', ..] => LineEnd::Next(padding),
            [b'\n', ..] => LineEnd::LineFeed,
            [] | [b'\r'] => LineEnd::Unknown,
            [b'-'] if padding == 0 => LineEnd::Unknown,
            _ => LineEnd::Other,
        }
    }

    fn boundary(&self) -> String {
        let boundary = self.delimiter.needle().get(4..).unwrap_or_default();
        String::from_utf8_lossy(boundary).into_owned()
    }
}
