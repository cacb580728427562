//! Why there is no result, for a person and for a program.

use std::fmt;

/// What kind of thing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A document is not well-formed XML 1.0 with namespaces, or is in no known encoding.
    NotWellFormed,
    /// A document is larger, deeper or otherwise more than [`super::Limits`] allow.
    OverLimit,
    /// The root elements have different names.
    DifferentRoots,
    /// The names or the number of the versions do not fit.
    BadVersions,
    /// A path in the options cannot be understood.
    BadOption,
    /// What should be a delta is none, or has not all that its versions have.
    NotADelta,
    /// The delta has no such version.
    UnknownVersion,
    /// The [`super::Watcher`] wanted it to end.
    Stopped,
}

impl ErrorKind {
    /// Its name on the wire.
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

/// A place in a document, both from 1; columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in it.
    pub column: usize,
}

impl Position {
    /// The place of a byte in a text.
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

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Of what kind it is.
    pub kind: ErrorKind,
    /// A sentence about it.
    pub message: String,
    /// Which of the documents, from 0, where it is about one.
    pub input: Option<usize>,
    /// Where in that document.
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

    /// An input that is more than may be, found out before it was read.
    pub fn over_limit(message: impl Into<String>, input: usize) -> Self {
        Self::new(ErrorKind::OverLimit, message).of_input(input)
    }

    pub(crate) fn stopped() -> Self {
        Self::new(ErrorKind::Stopped, "It was stopped.")
    }

    pub(crate) fn of_input(mut self, input: usize) -> Self {
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

/// A fault at a byte of the text at hand, before it is known which line that is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) code: ErrorKind,
    pub(crate) message: String,
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            code: ErrorKind::NotWellFormed,
            message: message.into(),
            at,
        }
    }

    pub(crate) fn over(at: usize, message: impl Into<String>) -> Self {
        Self {
            code: ErrorKind::OverLimit,
            ..Self::new(at, message)
        }
    }

    pub(crate) fn in_text(self, text: &str) -> Error {
        Error::new(self.code, self.message).at(text, self.at)
    }
}
