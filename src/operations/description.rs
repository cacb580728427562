//! What an operation says of itself.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde_json::Value;

use super::Restart;

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
