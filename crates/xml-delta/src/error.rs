//! Errors: a kind for programs, a message and a position for people.

use std::fmt;

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A document is not well-formed XML 1.0 with namespaces, or has an unknown encoding.
    NotWellFormed,
    /// A document exceeds one of the [`super::Limits`].
    OverLimit,
    /// The root elements have different names.
    DifferentRoots,
    /// The names or the number of versions are invalid.
    BadVersions,
    /// A path in the options is invalid.
    BadOption,
    /// A document is not a delta, or does not contain its versions completely.
    NotADelta,
    /// The delta has no version of this name.
    UnknownVersion,
    /// The [`super::ProgressSink`] stopped the work.
    Stopped,
}

impl ErrorKind {
    /// The stable name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotWellFormed => "not_well_formed",
            Self::OverLimit => "over_limit",
            Self::DifferentRoots => "different_roots",
            Self::BadVersions => "bad_versions",
            Self::BadOption => "bad_option",
            Self::NotADelta => "not_a_delta",
            Self::UnknownVersion => "unknown_version",
            Self::Stopped => "stopped",
        }
    }
}

/// A position in a document. Lines and columns count from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The position of a byte offset.
    pub(crate) fn of(text: &str, at: usize) -> Self {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: 1 + before.bytes().filter(|&b| b == b'\n').count(),
            column: 1 + before[start..].chars().count(),
        }
    }
}

/// An error of a comparison, merge or extraction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The kind.
    pub kind: ErrorKind,
    /// A sentence that describes the error.
    pub message: String,
    /// The index of the document that the error is about, from 0.
    pub input: Option<usize>,
    /// The position in that document.
    pub position: Option<Position>,
}

impl Error {
    pub(crate) fn new(code: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind: code,
            message: message.into(),
            input: None,
            position: None,
        }
    }

    /// An [`ErrorKind::OverLimit`] error about an input that was not read.
    pub fn over_limit(message: impl Into<String>, input: usize) -> Self {
        Self::new(ErrorKind::OverLimit, message).for_input(input)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(ErrorKind::Stopped, "Stopped before the end.")
    }

    pub(crate) fn for_input(mut self, input: usize) -> Self {
        self.input = Some(input);
        self
    }

    pub(crate) fn at(mut self, text: &str, at: usize) -> Self {
        self.position = Some(Position::of(text, at));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match self.position {
            Some(place) => write!(f, " (line {}, column {})", place.line, place.column),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// An error at a byte offset, before its line and column are known.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::NotWellFormed,
            message: message.into(),
            at,
        }
    }

    pub(crate) fn over_limit(at: usize, message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::OverLimit,
            ..Self::new(at, message)
        }
    }

    pub(crate) fn in_text(self, text: &str) -> Error {
        Error::new(self.kind, self.message).at(text, self.at)
    }
}
