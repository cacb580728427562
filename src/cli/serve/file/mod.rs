//! The configuration file: a key for every flag, and sections for settings without a flag.
//!
//! Errors name the file and line, and what was expected there.

mod fault;
mod operations;
mod read;
mod section;

pub(in crate::cli) use read::File;
pub(in crate::cli::serve) use read::SettingLines;
