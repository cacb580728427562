//! The operations that a server offers, and the params that they take.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use crate::config::{Config, OperationOverrides};
use crate::job::BlobId;
use crate::operations::command::{Command, SpecError};
use crate::operations::documents::document;
use crate::operations::params::validation_errors;
use crate::operations::xml::{compare, extract, merge};
use crate::operations::{
    InvalidParam, Operation, OperationSpec, OutboundAccess, RESERVED, copy, fetch, zip,
};
use crate::plan::Policy;
use crate::roots::Roots;

/// An operation that is offered.
pub(crate) struct Registered {
    /// What it said of itself.
    pub description: OperationSpec,
    /// The work.
    pub operation: Arc<dyn Operation>,
    validator: Validator,
}

impl Registered {
    /// What recovery needs to know.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            restart: self.description.restart,
            max_attempts: self.description.max_attempts,
        }
    }

    /// Finds what is wrong with params.
    ///
    /// # Errors
    /// Every fault, up to a thousand.
    pub(crate) fn check(
        &self,
        params: &Value,
        uploads: &[BlobId],
        roots: &Roots,
        outside: &OutboundAccess,
    ) -> Result<(), Vec<InvalidParam>> {
        let forged = document::forged_uploads(params, uploads);
        if !forged.is_empty() {
            return Err(forged);
        }
        let faults: Vec<_> = self
            .validator
            .iter_errors(params)
            .flat_map(|error| validation_errors::faults(&error))
            .take(validation_errors::FAULTS)
            .collect();
        let faults = if faults.is_empty() {
            let mut faults = outside.check(params, &self.description);
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
                .take(validation_errors::FAULTS)
                .map(shorten)
                .collect())
        }
    }
}

/// An operation cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Its name cannot stand in a URL.
    #[error(
        "{0:?} is not an operation's name: letters, digits, '-' and '_' are, and a letter or digit first"
    )]
    Name(String),
    /// A command is not declared as it should be.
    #[error("the command {0:?}: {1}")]
    Command(String, SpecError),
    /// Nothing is called so.
    #[error("there is no operation {0:?}")]
    Unknown(String),
    /// The name is taken.
    #[error("there are two operations named {0:?}")]
    Twice(String),
    /// One of its params has a name that means something else.
    #[error("the param {1:?} of operation {0:?} has a name that is reserved")]
    Reserved(String, String),
    /// Its params are not described by a schema that can be used.
    #[error("the params schema of operation {0:?} is not valid: {1}")]
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
                .expect("the built-in operations are well described");
        }
        registry
    }

    /// Changes operations as a server's settings have them, and adds its commands.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(crate) fn configure(&mut self, config: &Config) -> Result<(), RegisterError> {
        for (name, tuning) in &config.operations {
            self.tune(name, tuning)?;
        }
        for (name, spec) in &config.commands {
            let command = Command::new(name, spec, &config.data)
                .map_err(|error| RegisterError::Command(name.clone(), error))?;
            self.register(Arc::new(command))?;
            self.tune(name, &spec.overrides())?;
        }
        Ok(())
    }

    /// Changes an operation's habits.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub(crate) fn tune(
        &mut self,
        name: &str,
        tuning: &OperationOverrides,
    ) -> Result<(), RegisterError> {
        let registered = self.0.get_mut(name).and_then(Arc::get_mut);
        let description = &mut registered
            .ok_or_else(|| RegisterError::Unknown(name.to_owned()))?
            .description;
        description.timeout = tuning.timeout.or(description.timeout);
        description.concurrency = tuning.concurrency.or(description.concurrency);
        description.restart = tuning.on_restart.unwrap_or(description.restart);
        description.max_attempts = tuning.max_attempts.unwrap_or(description.max_attempts);
        description.idle_timeout = tuning.idle_timeout.or(description.idle_timeout);
        Ok(())
    }

    /// Offers one more.
    ///
    /// # Errors
    /// [`RegisterError`]; the registry is as before.
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
                description,
                operation,
                validator,
            }),
        );
        Ok(())
    }

    /// The operation with this name, and the name as everybody shares it.
    pub(crate) fn get(&self, name: &str) -> Option<(&Arc<str>, &Arc<Registered>)> {
        self.0.get_key_value(name)
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<Registered>)> {
        self.0.iter()
    }
}

/// Finds out whether an operation may be called so: the name stands in URLs.
///
/// # Errors
/// [`RegisterError::Name`].
pub(crate) fn check_name(name: &str) -> Result<(), RegisterError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_plain) {
        Ok(())
    } else {
        Err(RegisterError::Name(name.to_owned()))
    }
}
