//! The registry of the operations that a server offers, and the validation of their params.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use crate::config::{Config, OperationOverrides};
use crate::job::BlobId;
use crate::operations::command::{Command, SpecError};
use crate::operations::documents::document;
use crate::operations::params::{validation_errors, write_only};
use crate::operations::xml::{compare, extract, merge};
use crate::operations::{
    InvalidParam, Operation, OperationSpec, OutboundAccess, RESERVED, copy, fetch, zip,
};
use crate::plan::Policy;
use crate::roots::Roots;

/// A registered operation.
pub(crate) struct Registered {
    /// The description, with the overrides of the configuration applied.
    pub description: OperationSpec,
    /// The implementation.
    pub operation: Arc<dyn Operation>,
    validator: Validator,
    /// Whether the schema of the params marks any as write-only.
    marks_write_only: bool,
}

impl Registered {
    /// The settings that recovery needs.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            restart: self.description.restart,
            max_attempts: self.description.max_attempts,
        }
    }

    /// The places of write-only values in params.
    pub(crate) fn write_only(&self, params: &Value) -> Vec<String> {
        if self.marks_write_only {
            write_only::find(&self.description.params, params)
        } else {
            Vec::new()
        }
    }

    /// Validates the params of a submission. Messages do not quote values at the places `write_only`.
    ///
    /// # Errors
    /// The invalid params, at most a thousand.
    pub(crate) fn check(
        &self,
        params: &Value,
        uploads: &[BlobId],
        roots: &Roots,
        outbound: &OutboundAccess,
        write_only: &[String],
    ) -> Result<(), Vec<InvalidParam>> {
        let forged = document::forged_uploads(params, uploads);
        if !forged.is_empty() {
            return Err(forged);
        }
        let faults: Vec<_> = self
            .validator
            .iter_errors(params)
            .flat_map(|error| {
                let pointer = error.instance_path().to_string();
                validation_errors::faults(&error, !write_only::touches(&pointer, write_only))
            })
            .take(validation_errors::MAX_FAULTS)
            .collect();
        let faults = if faults.is_empty() {
            let mut faults = outbound.check(params, &self.description);
            faults.extend(document::misplaced(params, &self.description, roots));
            faults.extend(
                self.operation
                    .check(params, roots)
                    .err()
                    .unwrap_or_default(),
            );
            faults
        } else {
            faults
        };
        let shorten = |fault: InvalidParam| InvalidParam {
            detail: validation_errors::shortened(&fault.detail),
            ..fault
        };
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults
                .into_iter()
                .take(validation_errors::MAX_FAULTS)
                .map(shorten)
                .collect())
        }
    }
}

/// The error of registering or configuring an operation.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The name contains characters that are not allowed.
    #[error(
        "{0:?} is not a valid operation name: use letters, digits, '-' and '_', and start with a letter or digit"
    )]
    Name(String),
    /// The declaration of a command is invalid.
    #[error("the command {0:?}: {1}")]
    Command(String, SpecError),
    /// The configuration names an operation that does not exist.
    #[error("there is no operation {0:?}")]
    Unknown(String),
    /// Another operation has the same name.
    #[error("there are two operations named {0:?}")]
    Twice(String),
    /// A param has the name of a query parameter that every submission has.
    #[error("operation {0:?} has a param with the reserved name {1:?}")]
    Reserved(String, String),
    /// The JSON Schema of the params is invalid.
    #[error("the params schema of operation {0:?} is invalid: {1}")]
    Schema(String, String),
}

/// Every operation that the server offers, by name.
#[derive(Default)]
pub(crate) struct Registry(BTreeMap<Arc<str>, Arc<Registered>>);

impl Registry {
    /// The built-in operations.
    pub(crate) fn built_in() -> Self {
        let mut registry = Self::default();
        let operations: [Arc<dyn Operation>; 6] = [
            Arc::new(zip::Zip),
            Arc::new(copy::Copy),
            Arc::new(fetch::Fetch),
            Arc::new(compare::Compare),
            Arc::new(merge::Merge),
            Arc::new(extract::Extract),
        ];
        for operation in operations {
            registry
                .register(operation)
                .expect("the names and schemas of the built-in operations are valid");
        }
        registry
    }

    /// Applies the overrides of the configuration and registers its commands.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`] for overrides of an operation that does not exist, [`RegisterError::Command`] for an
    /// invalid command, and the errors of [`Registry::register`].
    pub(crate) fn configure(&mut self, config: &Config) -> Result<(), RegisterError> {
        for (name, overrides) in &config.operations {
            self.apply_overrides(name, overrides)?;
        }
        for (name, spec) in &config.commands {
            let command = Command::new(name, spec, &config.data)
                .map_err(|error| RegisterError::Command(name.clone(), error))?;
            self.register(Arc::new(command))?;
            self.apply_overrides(name, &spec.overrides())?;
        }
        Ok(())
    }

    /// Applies overrides to an operation.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`] if there is no operation with this name.
    pub(crate) fn apply_overrides(
        &mut self,
        name: &str,
        overrides: &OperationOverrides,
    ) -> Result<(), RegisterError> {
        let registered = self.0.get_mut(name).and_then(Arc::get_mut);
        let description = &mut registered
            .ok_or_else(|| RegisterError::Unknown(name.to_owned()))?
            .description;
        description.timeout = overrides.timeout.or(description.timeout);
        description.concurrency = overrides.concurrency.or(description.concurrency);
        description.restart = overrides.on_restart.unwrap_or(description.restart);
        description.max_attempts = overrides.max_attempts.unwrap_or(description.max_attempts);
        description.idle_timeout = overrides.idle_timeout.or(description.idle_timeout);
        Ok(())
    }

    /// Registers an operation.
    ///
    /// # Errors
    /// [`RegisterError`] if the name is invalid or taken, a param has a reserved name, or the schema is invalid. The
    /// registry is unchanged.
    pub(crate) fn register(&mut self, operation: Arc<dyn Operation>) -> Result<(), RegisterError> {
        let description = operation.spec();
        let name = description.name.clone();
        check_name(&name)?;
        if self.0.contains_key(name.as_str()) {
            return Err(RegisterError::Twice(name));
        }
        let reserved = |name: &&&str| !description.params["properties"][**name].is_null();
        if let Some(param) = RESERVED.iter().find(reserved) {
            return Err(RegisterError::Reserved(name, (*param).to_owned()));
        }
        let validator = jsonschema::validator_for(&description.params)
            .map_err(|e| RegisterError::Schema(name.clone(), e.to_string()))?;
        self.0.insert(
            name.into(),
            Arc::new(Registered {
                marks_write_only: write_only::marks_any(&description.params),
                description,
                operation,
                validator,
            }),
        );
        Ok(())
    }

    /// The operation with this name, and its name as a shared string.
    pub(crate) fn get(&self, name: &str) -> Option<(&Arc<str>, &Arc<Registered>)> {
        self.0.get_key_value(name)
    }

    /// All operations, ordered by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Registered>)> {
        self.0.iter()
    }
}

/// Checks the name of an operation, which appears in URLs.
///
/// # Errors
/// [`RegisterError::Name`] if the name contains other characters than ASCII letters, digits, `-` and `_`, or starts with
/// `-` or `_`.
pub(crate) fn check_name(name: &str) -> Result<(), RegisterError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain) {
        Ok(())
    } else {
        Err(RegisterError::Name(name.to_owned()))
    }
}
