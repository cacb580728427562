//! The declaration of an operation that runs a program.

use std::time::Duration;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::Value;

use super::{OperationOverrides, values};
use crate::plan::Restart;

/// How long an attempt may take by default.
const DEFAULT_TIMEOUT: Duration = Duration::from_hours(1);

/// A command: its program and arguments, inputs, params and result.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandSpec {
    /// The program and its arguments, with placeholders in braces. No shell is involved.
    pub command: Vec<String>,
    /// The title for people. Default: the name of the operation.
    pub title: Option<String>,
    /// The description for people.
    pub description: Option<String>,
    /// Input documents, by name, in the order that clients see.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, InputSpec>"))]
    pub inputs: IndexMap<String, InputSpec>,
    /// The JSON Schema of each other param, by name, in the order that clients see. Two more keys: `required: false` makes
    /// a param optional, and `flag` is the argument that stands for `true`. The values of params with `writeOnly: true` or
    /// the format `password` are used, but never shown.
    #[serde(default)]
    #[cfg_attr(test, schemars(with = "std::collections::BTreeMap<String, Value>"))]
    pub params: IndexMap<String, Value>,
    /// The media type and file name of the result.
    #[serde(default)]
    pub output: OutputSpec,
    /// Regular expressions that find progress in the command's output.
    #[serde(default)]
    pub progress: Vec<String>,
    /// How long one attempt may take.
    #[serde(default = "default_timeout", deserialize_with = "values::time")]
    pub timeout: Duration,
    /// The number of jobs that may run at once. Default: the number of workers.
    #[serde(default, deserialize_with = "values::some_count")]
    pub concurrency: Option<usize>,
    /// What to do with a job that was running when the server died. Default: requeue.
    #[serde(default)]
    pub on_restart: Option<Restart>,
    /// The number of attempts that the server's death may interrupt before the job fails. Default: 3.
    #[serde(default, deserialize_with = "values::some_count")]
    pub max_attempts: Option<u32>,
    /// How long finished jobs stay idle before they are deleted. Default: that of the server.
    #[serde(default, deserialize_with = "values::some_time")]
    pub idle_timeout: Option<Duration>,
    /// Names of environment variables that are passed on to the command, besides `PATH`.
    #[serde(default)]
    pub env: Vec<String>,
    /// How long the command may take to end after SIGTERM before it is killed.
    #[serde(default = "grace", deserialize_with = "values::time_or_zero")]
    pub grace: Duration,
}

/// An input document of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InputSpec {
    /// Whether a job must supply the document.
    pub required: bool,
    /// Whether the input is a list of documents.
    pub list: bool,
    /// Accepted media types; `image/*` matches every image. Default: all.
    pub media_types: Vec<String>,
}

/// The media type and file name of a command's result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OutputSpec {
    /// The media type. Default: application/octet-stream.
    pub media_type: Option<String>,
    /// The file name, with placeholders of params and `{input.NAME.stem}`. Default: the name of the operation.
    pub filename: Option<String>,
}

impl CommandSpec {
    /// A command with a program and its arguments, and defaults for everything else.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            title: None,
            description: None,
            inputs: IndexMap::new(),
            params: IndexMap::new(),
            output: OutputSpec::default(),
            progress: Vec::new(),
            timeout: DEFAULT_TIMEOUT,
            concurrency: None,
            on_restart: None,
            max_attempts: None,
            idle_timeout: None,
            env: Vec::new(),
            grace: grace(),
        }
    }

    /// The settings that every operation has.
    pub fn overrides(&self) -> OperationOverrides {
        OperationOverrides {
            timeout: Some(self.timeout),
            concurrency: self.concurrency,
            on_restart: self.on_restart,
            max_attempts: self.max_attempts,
            idle_timeout: self.idle_timeout,
        }
    }
}

fn default_timeout() -> Duration {
    DEFAULT_TIMEOUT
}

fn grace() -> Duration {
    Duration::from_secs(5)
}
