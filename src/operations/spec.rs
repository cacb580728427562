//! The description of an operation: its name, params and settings.

use std::time::Duration;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde_json::Value;

use crate::operations::Restart;

/// A param that holds a document. Clients may upload the document with the submission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Input {
    /// Whether the param is required.
    pub required: bool,
    /// Whether the param is a list of documents.
    pub list: bool,
    /// The accepted media types, for example `image/*` or `text/xml`. Empty to accept every type.
    pub media_types: Vec<String>,
}

/// The number of attempts that crashes of the server may interrupt, unless the operation or its configuration sets another.
const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// The description of an operation, returned by [`Operation::spec`](crate::operations::Operation::spec).
#[derive(Debug, Clone)]
pub struct OperationSpec {
    /// The operation's name in URLs: ASCII letters, digits, `-` and `_`, starting with a letter or digit.
    pub name: String,
    /// A title for people.
    pub title: String,
    /// The JSON Schema of the params, which must describe an object.
    pub params: Value,
    /// The params that hold documents, by name.
    pub inputs: IndexMap<String, Input>,
    /// The usual media type of results.
    pub output: String,
    /// How to handle a job that was running when the server died.
    pub restart: Restart,
    /// How many attempts at a job may be interrupted by the server's death before the job fails, at least 1. The default
    /// is 3; operations whose attempts resume earlier work may allow more. Orderly shutdowns do not count. With
    /// [`Restart::Fail`] a job always has one attempt.
    pub max_attempts: u32,
    /// The time limit of one attempt. `None` for no limit.
    pub timeout: Option<Duration>,
    /// How long an attempt may take to stop after it is asked to.
    pub cancel_grace: Duration,
    /// How many jobs of this operation may run at once. `None` for as many as there are workers.
    pub concurrency: Option<usize>,
    /// Finished jobs are deleted after they have been idle this long. `None` for the server's default.
    pub idle_timeout: Option<Duration>,
}

impl OperationSpec {
    /// Describes an operation with params of type `P`. The defaults: interrupted jobs are run again, up to 3 attempts, with
    /// no timeout, a cancel grace of one second and results of type `application/octet-stream`.
    pub fn new<P: JsonSchema>(name: &str, title: &str) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            params: schemars::schema_for!(P).into(),
            inputs: IndexMap::new(),
            output: "application/octet-stream".into(),
            restart: Restart::Requeue,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            timeout: None,
            cancel_grace: Duration::from_secs(1),
            concurrency: None,
            idle_timeout: None,
        }
    }

    /// How many attempts may be interrupted by the server's death before the job fails, as clients see it.
    pub(crate) fn attempts(&self) -> u32 {
        match self.restart {
            Restart::Requeue => self.max_attempts,
            Restart::Fail => 1,
        }
    }
}
