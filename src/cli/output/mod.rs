//! What commands write to standard output and standard error. Nothing else writes there.
//!
//! - A reader that went away ends a command quietly; anything else that cannot be written is a failure. Never a panic.
//! - A terminal is shown escapes instead of the control characters that a server, a job or a file's name may contain;
//!   anything else gets the bytes as they are.

mod escape;
mod stream;
mod streams;

pub(super) use escape::{LineEscaper, escape_line};
pub(super) use stream::Stream;
pub(in crate::cli) use streams::{NotWritten, Output, complain, for_stderr, print, print_line};
