//! Addresses and words of the operator's own for an operation.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// What stands for the job in an address.
const ID_PLACEHOLDER: &str = "{id}";

/// An operation under addresses of the operator's choice.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// The operation's name.
    pub operation: String,
    /// The path that jobs are posted to.
    #[serde(deserialize_with = "plain")]
    pub submit: String,
    /// The path of a job's state, with `{id}` in it.
    #[serde(deserialize_with = "with_place")]
    pub status: String,
    /// The path of its result, with `{id}` in it.
    #[serde(deserialize_with = "with_place")]
    pub result: String,
    /// What things are called there.
    #[serde(default)]
    #[serde(rename = "words")]
    pub field_names: FieldNames,
}

/// Names of members and states.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldNames {
    /// The member that holds the state.
    pub status: String,
    /// A state.
    pub queued: String,
    /// A state.
    pub running: String,
    /// A state.
    pub succeeded: String,
    /// A state.
    pub failed: String,
    /// A state.
    pub canceled: String,
    /// The member that holds the result's address.
    pub result: String,
    /// The member that says why a job failed; left out unless it is named.
    pub error: Option<String>,
    /// The member that says how far a job is; left out unless it is named.
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
    /// A member's name that is there twice.
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
    Err(D::Error::custom(format!("{path:?} is not {expected}")))
}
