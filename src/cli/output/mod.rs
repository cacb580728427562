//! Writes to standard output and standard error. No other module writes there.
//!
//! - When the reader of standard output has closed it, the command ends quietly; every other write error is a failure.
//! - On a terminal, control characters from servers, jobs and file names are escaped; files and pipes get the bytes unchanged.

mod color;
mod escape;
mod stream;
mod streams;

pub(in crate::cli) use color::{ColorChoice, stderr_has_colors, stdout_has_colors};
pub(super) use escape::{LineEscaper, escape, escape_line};
pub(super) use stream::Stream;
pub(in crate::cli) use streams::{
    NotWritten, Output, for_stderr, print, print_error, print_escaped, print_line,
};
