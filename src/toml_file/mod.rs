//! Settings in TOML: a key for every flag, and sections for settings without a flag. For the command line, which adds its
//! own keys, and for programs.
//!
//! Errors name the line, and what was expected there. All of them are found at once.

mod config_keys;
mod document;
mod fault;
mod operations;
mod section;

pub use config_keys::{TomlError, TomlFault};
pub(crate) use document::{Keys, Lines, Sections, parse};
pub(crate) use fault::Fault;
pub(crate) use section::{Value, type_name};
