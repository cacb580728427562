//! What a submission wants besides the work itself: where the result goes, how long it stays, who is told.

use serde::{Deserialize, Serialize};
use url::Url;

use super::{IdleMs, JobId, Seq};

/// What becomes of the result, and who hears of the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// The result stays after it was downloaded whole.
    pub keep: bool,
    /// The file below a root that the result becomes, as a path on the wire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Who is told when the job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// Somebody waits for it, who asks only once: when he has his answer, or has gone, nobody wants it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
    /// The jobs whose results it reads, which stay until it has ended.
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
    /// Roughly the memory that it takes besides itself, in bytes; nothing where there are none.
    pub(super) fn weight(&self) -> usize {
        let callback = self.callback.as_ref();
        callback.map_or(0, |callback| callback.url.len() + callback.base.len())
            + self.output.as_ref().map_or(0, String::len)
            + size_of_val(&*self.input_jobs)
    }
}

/// Who is told of a job's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Callback {
    /// The address that is called.
    pub url: String,
    /// How.
    pub method: Method,
    /// After which ends.
    pub trigger: CallbackTrigger,
    /// Which of its names the job is given.
    pub id_format: JobIdFormat,
    /// What links in the message begin with.
    pub base: String,
}

impl Callback {
    /// Whom it calls: scheme, host and port, without a port that the scheme has anyway. Empty where it can call nobody.
    pub fn origin(&self) -> String {
        let url = Url::parse(&self.url).ok();
        url.map_or_else(String::new, |url| url.origin().ascii_serialization())
    }
}

/// How a callback is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The job's name is added to the address.
    Get,
    /// The job itself is sent, as Standard Webhooks 1.0 has it.
    Post,
}

/// The ends that are worth a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackTrigger {
    /// All of them.
    Terminal,
    /// Only a result.
    Succeeded,
}

/// One of the names that a job goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobIdFormat {
    /// Its identifier.
    Id,
    /// The same 128 bits as a UUID.
    Uuid,
    /// Its number.
    Seq,
}

impl JobIdFormat {
    /// The name as text.
    pub fn format(self, id: JobId, seq: Seq) -> String {
        match self {
            Self::Id => id.to_string(),
            Self::Uuid => id.to_uuid(),
            Self::Seq => seq.0.to_string(),
        }
    }
}

/// How far the telling of a job's end has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallbackDelivery {
    /// Where it is.
    pub state: CallbackState,
    /// How often it was tried.
    pub attempts: u32,
    /// What went wrong the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl CallbackDelivery {
    /// When the next attempt is due, if there is to be one.
    pub fn due(&self) -> Option<IdleMs> {
        match self.state {
            CallbackState::Pending { due } => Some(due),
            _ => None,
        }
    }
}

/// Where the telling of a job's end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackState {
    /// Another attempt follows.
    Pending {
        /// Not before this reading of the idle clock.
        due: IdleMs,
    },
    /// Whoever was to be told has said so.
    Delivered,
    /// It was given up.
    Failed,
    /// An end that nobody was to be told of.
    Skipped,
}

impl CallbackState {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}
