//! Options of a job besides its params: where the result goes, how long it is kept, and its callback.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::job::id::{JobId, Seq};
use crate::job::time::IdleMs;
use crate::job::trace::TraceContext;

/// What happens to a job's result, and whether a callback is sent when the job ends.
///
/// By default the result is kept in the database until the job is deleted, and no callback is sent.
///
/// ```
/// # use cloakroom::{JobOptions, job::Method};
/// let options = JobOptions::default()
///     .output("/docs/report.pdf")
///     .callback(Method::Post, "http://127.0.0.1:8080/done");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOptions {
    /// Whether the result is kept after the first complete download.
    pub keep: bool,
    /// The public path of the file below a root that the result is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// The callback to send when the job has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
    /// The trace that the job belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<TraceContext>>,
    /// Whether the job belongs to one synchronous request: it is deleted once the response is sent, and canceled if the
    /// client disconnects.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[doc(hidden)]
    pub ephemeral: bool,
    /// The jobs whose results this job reads. They are kept until it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[doc(hidden)]
    pub input_jobs: Vec<Seq>,
    /// The places of write-only values in the params, as JSON pointers. They are left out wherever the job is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[doc(hidden)]
    pub write_only: Vec<String>,
}

impl Default for JobOptions {
    fn default() -> Self {
        Self {
            keep: true,
            output: None,
            callback: None,
            trace: None,
            ephemeral: false,
            input_jobs: Vec::new(),
            write_only: Vec::new(),
        }
    }
}

impl JobOptions {
    /// Writes the result to this file below a [root](crate::Builder::root). `path` is a public path, as in params. The file
    /// is written under a temporary name and replaces an existing file once it is complete.
    #[must_use]
    pub fn output(mut self, path: impl Into<String>) -> Self {
        self.output = Some(path.into());
        self
    }

    /// Calls `url` once the job has ended, on the schedule of [`Callbacks`](crate::config::Callbacks), until it answers
    /// with a 2xx status.
    ///
    /// A GET carries the job's id as `jobId`, a POST carries the job (Standard Webhooks 1.0). Links in the job begin with
    /// the public URL, or with the first TCP address where no public URL is configured; without HTTP they lead nowhere.
    #[must_use]
    pub fn callback(mut self, method: Method, url: impl Into<String>) -> Self {
        self.callback = Some(Callback {
            url: url.into(),
            method,
            trigger: CallbackTrigger::Terminal,
            id_format: JobIdFormat::Id,
            base: String::new(),
        });
        self
    }

    /// Deletes the result once it was read to its end or downloaded completely. The job stays.
    #[must_use]
    pub fn forget_when_read(mut self) -> Self {
        self.keep = false;
        self
    }

    /// Makes the job a part of a trace: commands, callbacks and the requests that the job makes get it.
    #[must_use]
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(Box::new(trace));
        self
    }

    /// Approximate size of the heap memory that the options use, in bytes.
    pub(super) fn weight(&self) -> usize {
        let callback = self.callback.as_ref();
        callback.map_or(0, |callback| callback.url.len() + callback.base.len())
            + self.output.as_ref().map_or(0, String::len)
            + self.trace.as_ref().map_or(0, |trace| trace.weight())
            + size_of_val(&*self.input_jobs)
            + self
                .write_only
                .iter()
                .map(|place| size_of::<String>() + place.len())
                .sum::<usize>()
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
    /// The base URL of links in the body. [`Cloakroom::submit_with`](crate::Cloakroom::submit_with) sets it if it is empty.
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
