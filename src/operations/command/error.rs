//! Errors in the declaration of a command.

use crate::operations::params::validation_errors;

/// An invalid declaration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SpecError {
    /// The path of the key, outermost first.
    pub key: Vec<String>,
    /// The index of the invalid item, if the key holds a list.
    pub item: Option<usize>,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
}

impl SpecError {
    pub(in crate::operations) fn new(
        key: &[&str],
        item: Option<usize>,
        message: impl Into<String>,
    ) -> Self {
        let key = key.iter().map(|&key| key.to_owned()).collect();
        Self {
            key,
            item,
            message: message.into(),
        }
    }
}

/// A schema's validation errors, joined into one line.
pub(in crate::operations) fn describe_error(error: &jsonschema::ValidationError<'_>) -> String {
    let faults = validation_errors::faults(error, true).into_iter();
    let faults: Vec<_> = faults.map(|fault| fault.detail).collect();
    faults.join(", ")
}
