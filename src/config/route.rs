//! Custom routes: paths and field names of the operator's choice for an operation.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// The placeholder for the job's number in a path.
const ID_PLACEHOLDER: &str = "{id}";

/// A custom route to an operation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The operation's name.
    pub operation: String,
    /// The path for submitting a job with POST.
    #[serde(deserialize_with = "plain")]
    pub submit: String,
    /// The path of a job's status, containing `{id}`.
    #[serde(deserialize_with = "with_place")]
    pub status: String,
    /// The path of a job's result, containing `{id}`.
    #[serde(deserialize_with = "with_place")]
    pub result: String,
    /// Names of members and states in the JSON.
    #[serde(default)]
    #[serde(rename = "words")]
    pub field_names: FieldNames,
}

/// Names of members and states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FieldNames {
    /// The member with the state.
    pub status: String,
    /// The name of the state `queued`.
    pub queued: String,
    /// The name of the state `running`.
    pub running: String,
    /// The name of the state `succeeded`.
    pub succeeded: String,
    /// The name of the state `failed`.
    pub failed: String,
    /// The name of the state `canceled`.
    pub canceled: String,
    /// The member with the result's URL.
    pub result: String,
    /// The member with the reason for a failure; omitted without a name.
    pub error: Option<String>,
    /// The member with the progress in percent; omitted without a name.
    pub percent: Option<String>,
}

impl Default for FieldNames {
    fn default() -> Self {
        let [status, queued, running, succeeded, failed, canceled, result] = [
            "status",
            "queued",
            "running",
            "succeeded",
            "failed",
            "canceled",
            "result",
        ]
        .map(str::to_owned);
        Self {
            status,
            queued,
            running,
            succeeded,
            failed,
            canceled,
            result,
            error: None,
            percent: None,
        }
    }
}

impl FieldNames {
    /// The first member name that is used more than once.
    pub(crate) fn repeated(&self) -> Option<&str> {
        let members = [&self.status, &self.result].into_iter();
        let members: Vec<_> = members.chain(&self.error).chain(&self.percent).collect();
        let mut places = (1..members.len()).map(|at| members.split_at(at));
        places
            .find_map(|(before, behind)| before.contains(&behind[0]).then_some(behind[0].as_str()))
    }
}

fn plain<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    path(from, 0)
}

fn with_place<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    path(from, 1)
}

fn path<'de, D: Deserializer<'de>>(from: D, places: usize) -> Result<String, D::Error> {
    let path = String::deserialize(from)?;
    let rest = path.replace(ID_PLACEHOLDER, "");
    let fits = path.starts_with('/') && path.matches(ID_PLACEHOLDER).count() == places;
    if fits && !rest.contains(['{', '}', '?', '#']) && rest.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(path);
    }
    let expected = match places {
        0 => "a path like \"/start-report\"",
        _ => "a path with one {id} in it, like \"/reports/{id}\"",
    };
    Err(D::Error::custom(format!(
        "expected {expected}, found {path:?}"
    )))
}
