//! A program that an operator offers as an operation.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::{OperationOverrides, values};
use crate::plan::Restart;

/// How long an attempt may take where nothing else was said.
const TIMEOUT: Duration = Duration::from_hours(1);

/// A command: its program, what is put into its arguments, and what comes of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommandSpec {
    /// The program and its arguments, with placeholders in braces. No shell has a say.
    pub command: Vec<String>,
    /// Its name for people; none for the operation's own.
    pub title: Option<String>,
    /// What it does, for people.
    pub description: Option<String>,
    /// Documents that it works on, by name.
    #[serde(default)]
    pub inputs: BTreeMap<String, InputSpec>,
    /// The JSON Schema of each other param, by name.
    #[serde(default)]
    pub params: BTreeMap<String, Value>,
    /// What its result is.
    #[serde(default)]
    pub output: OutputSpec,
    /// Regular expressions that find progress in what it prints.
    #[serde(default)]
    pub progress: Vec<String>,
    /// How long one attempt may take.
    #[serde(default = "an_hour", deserialize_with = "values::time")]
    pub timeout: Duration,
    /// How many of its jobs may run at once; none for as many as there are workers.
    #[serde(default, deserialize_with = "values::some_count")]
    pub concurrency: Option<usize>,
    /// What becomes of a job that was running when the server died; none to run it again.
    #[serde(default)]
    pub on_restart: Option<Restart>,
    /// How many attempts at a job the server's death may cut short before the job fails; none for 3.
    #[serde(default, deserialize_with = "values::some_count")]
    pub max_attempts: Option<u32>,
    /// How long its ended jobs stay untouched before they are forgotten; none for the server's own time.
    #[serde(default, deserialize_with = "values::some_time")]
    pub idle_timeout: Option<Duration>,
    /// Names of variables of the server's environment that it sees, besides `PATH`.
    #[serde(default)]
    pub env: Vec<String>,
    /// How long it gets to end by itself when it is asked to.
    #[serde(default = "grace", deserialize_with = "values::time_or_none")]
    pub grace: Duration,
}

/// A document that a command works on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct InputSpec {
    /// It must be there.
    pub required: bool,
    /// It may be several.
    pub list: bool,
    /// What it may be; anything if there are none. `image/*` is every image.
    pub media_types: Vec<String>,
}

/// What a command's result is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OutputSpec {
    /// Its media type; none for bytes that nothing is said of.
    pub media_type: Option<String>,
    /// The name to save it under, with placeholders; none for the operation's own.
    pub filename: Option<String>,
}

impl CommandSpec {
    /// A command with nothing but a program and its arguments.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            title: None,
            description: None,
            inputs: BTreeMap::new(),
            params: BTreeMap::new(),
            output: OutputSpec::default(),
            progress: Vec::new(),
            timeout: TIMEOUT,
            concurrency: None,
            on_restart: None,
            max_attempts: None,
            idle_timeout: None,
            env: Vec::new(),
            grace: grace(),
        }
    }

    /// What it has in common with every operation.
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

fn an_hour() -> Duration {
    TIMEOUT
}

fn grace() -> Duration {
    Duration::from_secs(5)
}
