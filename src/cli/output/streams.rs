//! Writes to standard output and standard error. No other module writes there.
//!
//! - When the reader of standard output has closed it, the command ends quietly; every other write error is a failure.
//! - On a terminal, control characters from servers, jobs and file names are escaped; files and pipes get the bytes unchanged.

use std::fmt::Display;
use std::io;
use std::io::{IsTerminal, Write};

use crate::cli::output::escape::{StreamEscaper, escape};
use crate::cli::output::stream::Stream;
use crate::cli::{EXIT_FAILED, Failure};

/// Standard output for a stream of bytes.
pub(in crate::cli) struct Output {
    /// Set if standard output is a terminal.
    pub(in crate::cli::output) escaper: Option<StreamEscaper>,
}

impl Output {
    pub(in crate::cli) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            escaper: is_terminal.then(StreamEscaper::default),
        }
    }

    /// Writes bytes, without buffering.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub(in crate::cli) fn write(&mut self, bytes: &[u8]) -> Result<(), NotWritten> {
        let written = match &mut self.escaper {
            Some(escaper) => Stream::Stdout.write_all(escaper.escape(bytes).as_bytes()),
            None => Stream::Stdout.write_all(bytes),
        };
        written.map_err(NotWritten)
    }

    /// Writes the rest of an incomplete character.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub(in crate::cli) fn end(mut self) -> Result<(), NotWritten> {
        match &mut self.escaper {
            Some(escaper) => {
                let rest = escaper.end();
                Stream::Stdout
                    .write_all(rest.as_bytes())
                    .map_err(NotWritten)
            }
            None => Ok(()),
        }
    }
}

/// Writes text to standard output.
///
/// # Errors
/// As [`Output::write`].
pub(in crate::cli) fn print(text: &str) -> Result<(), NotWritten> {
    let mut output = Output::new();
    output.write(text.as_bytes())?;
    output.end()
}

/// Writes text to standard output that has colors, and no harmful characters.
///
/// # Errors
/// As [`Output::write`].
pub(in crate::cli) fn print_escaped(text: &str) -> Result<(), NotWritten> {
    Stream::Stdout
        .write_all(text.as_bytes())
        .map_err(NotWritten)
}

/// Writes a line to standard output.
///
/// # Errors
/// As [`Output::write`].
pub(in crate::cli) fn print_line(text: impl Display) -> Result<(), NotWritten> {
    print(&format!("{text}\n"))
}

/// Writes a line to standard error. Write errors are ignored, since there is no other place to report them.
pub(in crate::cli) fn print_error(text: &str) {
    let text = for_stderr(text) + "\n";
    let _ = Stream::Stderr.write_all(text.as_bytes());
}

/// Escapes text for standard error if that is a terminal.
pub(in crate::cli) fn for_stderr(text: &str) -> String {
    if io::stderr().is_terminal() {
        escape(text).into_owned()
    } else {
        text.to_owned()
    }
}

/// Why standard output could not be written.
#[derive(Debug)]
pub(in crate::cli) struct NotWritten(io::Error);

impl NotWritten {
    /// The failure of a command that did its work but could not print the result. `instead` says in the error message what
    /// the output would have said. A closed reader is no failure.
    pub(in crate::cli) fn after(self, instead: impl Display) -> Failure {
        match Failure::from(self) {
            failure if failure.is_quiet() => failure,
            failure => Failure::new(failure.code, format!("{}; {instead}", failure.message)),
        }
    }

    pub(in crate::cli) fn into_error(self) -> io::Error {
        self.0
    }
}

impl From<io::Error> for NotWritten {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl Display for NotWritten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write to standard output: {}", self.0)
    }
}

impl From<NotWritten> for Failure {
    fn from(error: NotWritten) -> Self {
        if error.0.kind() == io::ErrorKind::BrokenPipe {
            Self::quiet()
        } else {
            Self::new(EXIT_FAILED, error)
        }
    }
}
