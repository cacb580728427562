//! The job and the values it consists of.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::id::{JobId, Seq};
use crate::job::options::{CallbackDelivery, JobOptions};
use crate::job::time::{IdleMs, WallMs};

/// A version of a job's record as clients see it: `boot << 32 | n`, so that no version repeats after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub i64);

impl Version {
    /// The first version that the server assigns in its `boot`-th run.
    pub fn first_of(boot: u32) -> Self {
        Self(i64::from(boot) << 32)
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// The identifier of a sequence of bytes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobId(pub i64);

/// Maximum length of params that are stored in the job's row and kept in memory, in bytes; longer params are stored as a
/// blob, so that a change of state does not rewrite them.
pub(crate) const INLINE_PARAMS_BYTES: usize = 512;

/// The location of a job's params, a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Params {
    /// In the job itself.
    Inline(Arc<str>),
    /// In the store.
    Blob(BlobId),
}

/// The progress of a running job, or the final progress of an ended one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// 0 to 100; `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// A description of the current work, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The current step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The number of bytes processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteProgress>,
    /// The work is done, and its output is being stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finalizing: bool,
}

/// A number of processed bytes out of a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ByteProgress {
    /// Bytes processed so far.
    pub current: u64,
    /// Total number of bytes, if known.
    pub total: Option<u64>,
}

/// One of a known number of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// What the step works on.
    pub name: String,
    /// The number of the step, from 1.
    pub current: u64,
    /// The number of steps.
    pub total: u64,
}

/// A complete result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Where the bytes are.
    pub location: ResultLocation,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of the bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Media type of the bytes.
    pub media_type: String,
    /// The suggested file name.
    pub filename: String,
    /// The public path of the file or folder that the operation wrote below a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_path: Option<String>,
}

impl Output {
    /// The public path of the file or folder that the job left below a root, if any: the operation's target or the
    /// result itself.
    pub fn item_path(&self) -> Option<&str> {
        match (&self.target_path, &self.location) {
            (Some(path), _) | (None, ResultLocation::File { path, .. }) => Some(path),
            (None, ResultLocation::Blob(_) | ResultLocation::Consumed) => None,
        }
    }

    /// The blob that holds the result, if it is in the store.
    pub fn blob(&self) -> Option<BlobId> {
        match self.location {
            ResultLocation::Blob(blob) => Some(blob),
            ResultLocation::File { .. } | ResultLocation::Consumed => None,
        }
    }
}

/// Where the bytes of a result are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResultLocation {
    /// In the store.
    Blob(BlobId),
    /// In a file below a root.
    File {
        /// The public path of the file.
        path: String,
        /// Modification time from the file system, in nanoseconds since the Unix epoch.
        modified_ns: i64,
    },
    /// Deleted after it was downloaded, because it was not to be kept.
    Consumed,
}

/// Why a job failed, as shown to the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable error code in `snake_case`.
    pub code: String,
    /// A sentence that a person can act on.
    pub message: String,
    /// Details specific to the operation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner: Option<Value>,
}

impl Failure {
    /// A failure without further detail.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            inner: None,
        }
    }
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With a result.
    Succeeded(Output),
    /// Without one.
    Failed(Failure),
    /// By request.
    Canceled,
}

/// The state of a job, with the data that only this state has.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Waiting for a worker.
    Queued,
    /// An attempt is under way.
    Running {
        /// When the current attempt was claimed.
        started: WallMs,
    },
    /// Terminal.
    Ended {
        /// When the last attempt was claimed; `None` if the job was canceled in the queue.
        started: Option<WallMs>,
        /// When it ended.
        finished: WallMs,
        /// Earliest expiry time; set when the job ends.
        expires: WallMs,
        /// Earliest expiry on the idle clock, as stored.
        due: IdleMs,
        /// How it ended.
        outcome: Outcome,
    },
}

/// A state's name in the API and in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// Waiting for a worker.
    Queued,
    /// An attempt is under way.
    Running,
    /// Ended with a result.
    Succeeded,
    /// Ended without one.
    Failed,
    /// Ended by request.
    Canceled,
}

impl Status {
    /// Every status there is.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
    ];

    /// The state's name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

/// A job. Snapshots are immutable and shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Row number, and position in the order of submission.
    pub seq: Seq,
    /// Public identifier.
    pub id: JobId,
    /// Name of the token that submitted the job; `None` if tokens are not in use.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: Arc<str>,
    /// Parameters of the operation.
    pub params: Params,
    /// The blobs uploaded with the submission.
    pub uploads: Arc<[BlobId]>,
    /// Number of attempts started; shown to clients.
    pub attempt: u32,
    /// Number of attempts that the server's death interrupted, plus the current one; limited by the operation.
    pub interrupted_attempts: u32,
    /// The version of this snapshot.
    pub version: Version,
    /// A client asked to cancel the job.
    pub cancel_requested: bool,
    /// A client deleted the job after its first attempt started: readers no longer see it, and the row is deleted once the
    /// attempt has stopped and its leftovers are removed.
    pub delete_requested: bool,
    /// Options of the submission.
    pub options: Arc<JobOptions>,
    /// Delivery state of the callback; `None` before the job has ended, or without a callback.
    pub callback: Option<CallbackDelivery>,
    /// Log of the last attempt, once that has ended and if it wrote one.
    pub log: Option<BlobId>,
    /// The output is being moved into place, so the job can no longer be canceled. Not kept across a crash: the next start
    /// finds out whether the output is in place.
    pub finalizing: bool,
    /// Time of submission.
    pub created: WallMs,
    /// Current state.
    pub state: State,
    /// Current or final progress.
    pub progress: Progress,
}

impl Job {
    /// The status that corresponds to the state.
    pub fn status(&self) -> Status {
        match &self.state {
            State::Queued => Status::Queued,
            State::Running { .. } => Status::Running,
            State::Ended {
                outcome: Outcome::Succeeded(_),
                ..
            } => Status::Succeeded,
            State::Ended {
                outcome: Outcome::Failed(_),
                ..
            } => Status::Failed,
            State::Ended {
                outcome: Outcome::Canceled,
                ..
            } => Status::Canceled,
        }
    }

    /// Whether the job has ended.
    pub fn is_terminal(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether a cancel request would have an effect.
    pub fn can_be_canceled(&self) -> bool {
        !self.is_terminal() && !self.cancel_requested && !self.finalizing
    }

    /// The result, unless there is none yet or it was consumed.
    pub fn output(&self) -> Option<&Output> {
        match &self.state {
            State::Ended {
                outcome: Outcome::Succeeded(output),
                ..
            } if output.location != ResultLocation::Consumed => Some(output),
            _ => None,
        }
    }

    /// When the next delivery attempt of the callback is due. The job does not expire before delivery is over.
    pub fn callback_due(&self) -> Option<IdleMs> {
        self.callback.as_ref().and_then(CallbackDelivery::due)
    }

    /// All blobs that belong to the job.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        let params = match self.params {
            Params::Blob(blob) => Some(blob),
            Params::Inline(_) => None,
        };
        let result = self.output().and_then(Output::blob);
        params
            .into_iter()
            .chain(result)
            .chain(self.log)
            .chain(self.uploads.iter().copied())
    }

    /// Approximate size of a snapshot in memory, in bytes.
    pub fn weight(&self) -> usize {
        let params = match &self.params {
            Params::Inline(text) => text.len(),
            Params::Blob(_) => 0,
        };
        let outcome = match &self.state {
            State::Ended {
                outcome: Outcome::Failed(f),
                ..
            } => f.message.len() + f.inner.as_ref().map_or(0, value_weight),
            State::Ended {
                outcome: Outcome::Succeeded(o),
                ..
            } => {
                let path = match &o.location {
                    ResultLocation::File { path, .. } => path.len(),
                    ResultLocation::Blob(_) | ResultLocation::Consumed => 0,
                };
                let placed = o.target_path.as_ref().map_or(0, String::len);
                o.filename.len() + o.media_type.len() + o.sha256.len() + path + placed
            }
            _ => 0,
        };
        let error = self.callback.as_ref().and_then(|d| d.last_error.as_ref());
        let phase = self.progress.phase.as_ref().map_or(0, String::len);
        let stage = self.progress.stage.as_ref().map_or(0, |s| s.name.len());
        size_of::<Self>()
            + params
            + size_of_val(&*self.uploads)
            + self.options.weight()
            + outcome
            + error.map_or(0, String::len)
            + phase
            + stage
    }
}

pub(in crate::job) fn value_weight(value: &Value) -> usize {
    let inside = match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(value_weight).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + value_weight(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    size_of::<Value>() + inside
}
