//! What commands write to standard output and standard error. Nothing else writes there.
//!
//! - A reader that went away ends a command quietly; anything else that cannot be written is a failure. Never a panic.
//! - A terminal is shown escapes instead of the control characters that a server, a job or a file's name may contain;
//!   anything else gets the bytes as they are.

use std::fmt::Display;
use std::io;
use std::io::{IsTerminal, Write};

use crate::cli::output::escape::{Pieces, escape};
use crate::cli::output::stream::Stream;
use crate::cli::{EXIT_FAILED, Failure};

/// Standard output, for bytes that come in pieces.
pub(in crate::cli) struct Output {
    /// Where it is a terminal.
    pub(in crate::cli::output) escaper: Option<Pieces>,
}

impl Output {
    pub(in crate::cli) fn new() -> Self {
        let is_terminal = io::stdout().is_terminal();
        Self {
            escaper: is_terminal.then(Pieces::default),
        }
    }

    /// Writes some bytes; they are with the system when this returns.
    ///
    /// # Errors
    /// The system takes no more of them.
    pub(in crate::cli) fn write(&mut self, bytes: &[u8]) -> Result<(), NotWritten> {
        let written = match &mut self.escaper {
            Some(escaper) => Stream::Stdout.write_all(escaper.escape(bytes).as_bytes()),
            None => Stream::Stdout.write_all(bytes),
        };
        written.map_err(NotWritten)
    }

    /// Writes what was left of them.
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

/// The same, and ends the line.
///
/// # Errors
/// As [`Output::write`].
pub(in crate::cli) fn print_line(text: impl Display) -> Result<(), NotWritten> {
    print(&format!("{text}\n"))
}

/// Writes a line to standard error. Where that is not possible there is nobody to tell.
pub(in crate::cli) fn complain(text: &str) {
    let text = for_stderr(text) + "\n";
    let _ = Stream::Stderr.write_all(text.as_bytes());
}

/// Text as it may be shown on standard error.
pub(in crate::cli) fn for_stderr(text: &str) -> String {
    if io::stderr().is_terminal() {
        escape(text).into_owned()
    } else {
        text.to_owned()
    }
}

/// Why something could not be written to standard output.
#[derive(Debug)]
pub(in crate::cli) struct NotWritten(io::Error);

impl NotWritten {
    /// Ends a command whose work is done, and whose output alone is lost; a reader that went away wanted no more of it.
    /// `instead` tells what the output would have told, for people.
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
        write!(f, "standard output cannot be written: {}", self.0)
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
