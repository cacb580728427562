//! Options of a submission: the result's destination and lifetime, and the callback.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::job::id::{JobId, Seq};
use crate::job::time::IdleMs;

/// Options of a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Keep the result after it was downloaded completely.
    pub keep: bool,
    /// The public path of the file below a root that the result is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The callback to make when the job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// The client waits on the submission's own connection: the job is deleted once the response is sent, and canceled if the
    /// client disconnects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
    /// The jobs whose results this job reads; they do not expire before it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub input_jobs: Vec<Seq>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            keep: true,
            output: None,
            callback: None,
            ephemeral: false,
            input_jobs: Vec::new(),
        }
    }
}

impl JobOptions {
    /// Approximate size of the heap memory that the options use, in bytes.
    pub(super) fn weight(&self) -> usize {
        let callback = self.callback.as_ref();
        callback.map_or(0, |callback| callback.url.len() + callback.base.len())
            + self.output.as_ref().map_or(0, String::len)
            + size_of_val(&*self.input_jobs)
    }
}

/// A request to make when a job has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The URL to call.
    pub url: String,
    /// The HTTP method.
    pub method: Method,
    /// The outcomes that trigger the callback.
    pub trigger: CallbackTrigger,
    /// The form of the job id in the URL.
    pub id_format: JobIdFormat,
    /// The base URL of links in the body.
    pub base: String,
}

impl Callback {
    /// The origin of the URL: scheme, host and port, without a default port. Empty if the URL is invalid.
    pub fn origin(&self) -> String {
        let url = Url::parse(&self.url).ok();
        url.map_or_else(String::new, |url| url.origin().ascii_serialization())
    }
}

/// The HTTP method of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// GET, with the job id appended to the URL.
    Get,
    /// POST, with the job in the body, following Standard Webhooks 1.0.
    Post,
}

/// The outcomes that trigger a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackTrigger {
    /// Every outcome.
    Terminal,
    /// Only success.
    Succeeded,
}

/// A form of a job's identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobIdFormat {
    /// The job id (a ULID).
    Id,
    /// The same 128 bits as a UUID.
    Uuid,
    /// The sequence number.
    Seq,
}

impl JobIdFormat {
    /// The identifier as text.
    pub fn format(self, id: JobId, seq: Seq) -> String {
        match self {
            Self::Id => id.to_string(),
            Self::Uuid => id.to_uuid(),
            Self::Seq => seq.0.to_string(),
        }
    }
}

/// The delivery of a job's callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackDelivery {
    /// The delivery's state.
    pub state: CallbackState,
    /// The number of attempts made.
    pub attempts: u32,
    /// What went wrong at the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl CallbackDelivery {
    /// When the next attempt is due; `None` if there will be none.
    pub fn due(&self) -> Option<IdleMs> {
        match self.state {
            CallbackState::Pending { due } => Some(due),
            _ => None,
        }
    }
}

/// The state of a callback's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Another attempt will be made.
    Pending {
        /// Earliest time of the attempt on the idle clock.
        due: IdleMs,
    },
    /// The receiver answered with success.
    Delivered,
    /// Given up after the last attempt.
    Failed,
    /// The outcome does not trigger the callback.
    Skipped,
}

impl CallbackState {
    /// The state's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}
