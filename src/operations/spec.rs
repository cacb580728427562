//! What an operation says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde_json::Value;

use crate::operations::Restart;

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

/// How many attempts at a job the server's death may cut short, unless the operation or its configuration says otherwise.
const DEFAULT_MAX_ATTEMPTS: u32 = 3;

/// How an operation presents itself.
#[derive(Debug, Clone)]
pub struct OperationSpec {
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
    /// How many attempts at a job the server's death may cut short before the job fails; at least 1. Orderly stops do
    /// not count, and a job of an operation with [`Restart::Fail`] has one attempt whatever this says. 3, unless each
    /// attempt goes on where the last one was.
    pub max_attempts: u32,
    /// How long one attempt may take; none for as long as it likes.
    pub timeout: Option<Duration>,
    /// How long an attempt may take to stop when it is asked to.
    pub cancel_grace: Duration,
    /// How many of its jobs may run at once; none for as many as there are workers.
    pub concurrency: Option<usize>,
    /// How long its ended jobs stay untouched before they are forgotten; none for the server's own time.
    pub idle_timeout: Option<Duration>,
}

impl OperationSpec {
    /// An operation with params of type `P`, run again when the server dies, with 3 attempts.
    pub fn new<P: JsonSchema>(name: &str, title: &str) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            params: schemars::schema_for!(P).into(),
            inputs: BTreeMap::new(),
            output: "application/octet-stream".into(),
            restart: Restart::Requeue,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            timeout: None,
            cancel_grace: Duration::from_secs(1),
            concurrency: None,
            idle_timeout: None,
        }
    }

    /// How many attempts at a job the server's death may cut short before the job fails, as clients see it.
    pub(crate) fn attempts(&self) -> u32 {
        match self.restart {
            Restart::Requeue => self.max_attempts,
            Restart::Fail => 1,
        }
    }
}
