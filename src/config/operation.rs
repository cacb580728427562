//! Settings that override an operation's defaults.

use std::time::Duration;

use serde::Deserialize;

use super::values;
use crate::plan::Restart;

/// Settings of an operation; `None` keeps the operation's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperationOverrides {
    /// How long one attempt may take.
    #[serde(deserialize_with = "values::some_time")]
    pub timeout: Option<Duration>,
    /// The number of jobs that may run at once.
    #[serde(deserialize_with = "values::some_count")]
    pub concurrency: Option<usize>,
    /// What to do with a job that was running when the server died.
    pub on_restart: Option<Restart>,
    /// The number of attempts that the server's death may interrupt before the job fails.
    #[serde(deserialize_with = "values::some_count")]
    pub max_attempts: Option<u32>,
    /// How long finished jobs stay idle before they are deleted.
    #[serde(deserialize_with = "values::some_time")]
    pub idle_timeout: Option<Duration>,
}
