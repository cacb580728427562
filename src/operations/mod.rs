//! What a job can do: the [`Operation`] trait, the registry of operations, and the built-in ones.
//!
//! An operation blocks on a thread of its own and knows nothing of HTTP, tickets or other jobs. It is handed a
//! [`Context`] to read its params, report progress, notice a cancel and stream its result.

pub(crate) mod browse;
mod coerce;
pub(crate) mod command;
mod compare;
mod context;
mod copy;
mod cores;
mod document;
mod extract;
mod fetch;
mod log;
mod markup;
mod merge;
mod outside;
mod params;
mod remote;
mod result;
mod source;
mod target;
mod walk;
mod wishes;
mod zip;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use schemars::JsonSchema;
use serde_json::Value;

use crate::config::{Config, Tuning};
use crate::job::{BlobId, Failure};
use crate::plan::Policy;
pub use crate::plan::Restart;
use crate::roots::Roots;
pub(crate) use coerce::{coerce, make_whole};
pub(crate) use command::Command;
pub use command::SpecError;
pub use context::Context;
pub(crate) use context::{ProgressSink, Reason, Shared, Signal};
pub use cores::Cores;
pub use document::Document;
pub(crate) use document::{is_url, source_jobs};
pub use log::Log;
pub(crate) use log::LogReader;
pub(crate) use outside::Outside;
pub use result::{Product, ResultWriter};
pub(crate) use result::{check_output, discard_output, open_output, placed_output};
pub(crate) use wishes::check_wishes;

/// The query parameters that every submission may have; no operation's own params may be called so.
pub(crate) const RESERVED: [&str; 4] = ["callback", "callback-method", "output", "keep"];

/// A param that is a document, and may be sent along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// It must be there.
    pub required: bool,
    /// It may be several.
    pub list: bool,
    /// What it may be; anything if there are none. `image/*` is every image.
    pub media_types: Vec<String>,
}

/// How an operation presents itself.
#[derive(Debug, Clone)]
pub struct Description {
    /// Its name in URLs: lower-case letters, digits and `-`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The JSON Schema of its params, an object.
    pub params: Value,
    /// Which of its params are documents, by name.
    pub inputs: BTreeMap<String, Input>,
    /// The media type that its results have as a rule.
    pub output: String,
    /// What becomes of a job that was running when the server died.
    pub restart: Restart,
    /// How often a job may be running when the server dies; at least 1.
    pub max_attempts: u32,
    /// How long one attempt may take; none for as long as it likes.
    pub timeout: Option<Duration>,
    /// How long an attempt may take to stop when it is asked to.
    pub stop_time: Duration,
    /// How many of its jobs may run at once; none for as many as there are workers.
    pub concurrency: Option<usize>,
    /// How long its ended jobs stay untouched before they are forgotten; none for the server's own time.
    pub idle_timeout: Option<Duration>,
}

impl Description {
    /// An operation with params of type `P`, that is run again after a crash, up to three times.
    pub fn new<P: JsonSchema>(name: &str, title: &str) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            params: schemars::schema_for!(P).into(),
            inputs: BTreeMap::new(),
            output: "application/octet-stream".into(),
            restart: Restart::Requeue,
            max_attempts: 3,
            timeout: None,
            stop_time: Duration::from_secs(1),
            concurrency: None,
            idle_timeout: None,
        }
    }
}

/// One thing that is wrong with the params of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where: a JSON Pointer as a URI fragment (RFC 6901, section 6), `#/width`.
    pub pointer: String,
    /// What.
    pub detail: String,
}

/// Why an attempt made no result.
#[derive(Debug)]
pub enum Stop {
    /// It was asked to stop.
    Canceled,
    /// It could not do it.
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A stop on its way through code that knows of I/O errors alone.
#[derive(Debug, thiserror::Error)]
#[error("{}", match .0 { Stop::Canceled => "canceled", Stop::Failed(failure) => &failure.message })]
struct Stopped(Stop);

impl From<Stop> for io::Error {
    fn from(stop: Stop) -> Self {
        Self::other(Stopped(stop))
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Stopped>() {
            Ok(stopped) => return stopped.0,
            Err(error) => error,
        };
        let code = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "storage_full",
            io::ErrorKind::FileTooLarge => "result_too_large",
            _ => "io_error",
        };
        Self::Failed(Failure::new(code, error.to_string()))
    }
}

/// Slow work of one kind.
pub trait Operation: Send + Sync + 'static {
    /// Its name, params and habits. Asked once, when it is registered.
    fn describe(&self) -> Description;

    /// Finds what is wrong with params that fit the schema, without starting or waiting for anything.
    ///
    /// # Errors
    /// Every fault that can be seen now; the submission is refused with them.
    fn check(&self, _params: &Value, _roots: &Roots) -> Result<(), Vec<Fault>> {
        Ok(())
    }

    /// Does the work, on a thread that may block. A panic fails this job alone.
    ///
    /// # Errors
    /// [`Stop::Canceled`] soon after the context says so, else why there is no result.
    fn run(&self, context: &Context) -> Result<Product, Stop>;

    /// Removes what earlier attempts left outside the database for one that will not come: the job was canceled while
    /// it waited for it, or the server died too often. Says only what could not be removed.
    ///
    /// # Errors
    /// What was in the way.
    fn abandon(&self, _context: &Context) -> Result<(), Stop> {
        Ok(())
    }
}

/// An operation that is offered.
pub(crate) struct Registered {
    /// What it said of itself.
    pub description: Description,
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
    /// Every fault.
    pub(crate) fn check(
        &self,
        params: &Value,
        uploads: &[BlobId],
        roots: &Roots,
        outside: &Outside,
    ) -> Result<(), Vec<Fault>> {
        let forged = document::forged_uploads(params, uploads);
        if !forged.is_empty() {
            return Err(forged);
        }
        let faults: Vec<_> = self
            .validator
            .iter_errors(params)
            .flat_map(|error| faults(&error))
            .collect();
        let faults = if faults.is_empty() {
            let mut faults = outside.check(params, &self.description);
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
        let shorten = |fault: Fault| Fault {
            detail: shortened(&fault.detail),
            ..fault
        };
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.into_iter().map(shorten).collect())
        }
    }
}

/// As much of a message as a person reads; it may quote what was sent.
fn shortened(message: &str) -> String {
    const CHARS: usize = 300;
    match message.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}...", &message[..end]),
        None => message.to_owned(),
    }
}

/// A schema's complaint as one fault or several, each pointing at what is wrong.
fn faults(error: &jsonschema::ValidationError<'_>) -> Vec<Fault> {
    let at = |name: &str| {
        format!(
            "#{}/{}",
            error.instance_path(),
            name.replace('~', "~0").replace('/', "~1")
        )
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let unknown = |name: &String| Fault {
                pointer: at(name),
                detail: "There is no such param.".into(),
            };
            unexpected.iter().map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![Fault {
                pointer: at(name),
                detail: "It is required.".into(),
            }]
        }
        _ => vec![Fault {
            pointer: format!("#{}", error.instance_path()),
            detail: error.to_string(),
        }],
    }
}

/// An operation cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Its name cannot stand in a URL.
    #[error(
        "{0:?} is not an operation's name: lower-case letters, digits and '-' are, and a letter first"
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
            self.tune(name, &spec.tuning())?;
        }
        Ok(())
    }

    /// Changes an operation's habits.
    ///
    /// # Errors
    /// [`RegisterError::Unknown`].
    pub(crate) fn tune(&mut self, name: &str, tuning: &Tuning) -> Result<(), RegisterError> {
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
        let description = operation.describe();
        let name = description.name.clone();
        let plain = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !plain || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
            return Err(RegisterError::Name(name));
        }
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
