//! What an operator says of an operation.

use std::time::Duration;

use serde::Deserialize;

use super::values;
use crate::plan::Restart;

/// What may be said of every operation. What is none is as the operation itself would have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperationOverrides {
    /// How long one attempt may take.
    #[serde(deserialize_with = "values::some_time")]
    pub timeout: Option<Duration>,
    /// How many of its jobs may run at once.
    #[serde(deserialize_with = "values::some_count")]
    pub concurrency: Option<usize>,
    /// What becomes of a job that was running when the server died.
    pub on_restart: Option<Restart>,
    /// How many attempts at a job the server's death may cut short before the job fails.
    #[serde(deserialize_with = "values::some_count")]
    pub max_attempts: Option<u32>,
    /// How long its ended jobs stay untouched before they are forgotten.
    #[serde(deserialize_with = "values::some_time")]
    pub idle_timeout: Option<Duration>,
}
