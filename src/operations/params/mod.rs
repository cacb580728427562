//! Parsing and validation of params and options, for all operations.

pub(crate) mod canonical_numbers;
pub(crate) mod submit_options;
pub(crate) mod validation_errors;
pub(crate) mod wire_path;
pub(crate) mod write_only;
