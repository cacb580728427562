//! The configuration file: every flag by its name, and sections for what has no flag.
//!
//! What is wrong is told by file and line, with what was expected there.

mod fault;
mod read;

pub(in crate::cli) use read::File;
