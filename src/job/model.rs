//! What a job is and what may happen to it.
//!
//! Owns the identifiers, the states, the events and the one function that decides, [`apply()`](super::apply()).
//! It knows no clock, socket, file, database or runtime: time and randomness are arguments.
//! The store calls [`apply()`](super::apply()) at run time and at recovery alike; nobody else changes a job.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::job::id::{JobId, Seq};
use crate::job::options::{CallbackDelivery, JobOptions};

/// Milliseconds of wall-clock time since the Unix epoch. Shown to people, never used to order or to expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct WallMs(pub i64);

/// Milliseconds on the idle clock, which runs only while the server is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct IdleMs(pub i64);

/// One state of a job's record as clients see it: `boot << 32 | n`, so that none comes back after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub i64);

impl Version {
    /// The first version that a server in its `boot`-th life gives out.
    pub fn first_of(boot: u32) -> Self {
        Self(i64::from(boot) << 32)
    }

    /// The version after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// A run of bytes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlobId(pub i64);

/// Params up to this many bytes stay in the job's row and in memory; longer ones are a blob, so that a
/// change of state does not rewrite them.
pub(crate) const INLINE_PARAMS_BYTES: usize = 512;

/// Where a job's params, a JSON object, are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Params {
    /// Here.
    Inline(Arc<str>),
    /// In the store.
    Blob(BlobId),
}

/// How far a running job is, and how far an ended one came.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// 0 to 100, absent until known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<f64>,
    /// What is being done, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The step at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// The bytes that are through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<ByteProgress>,
    /// The work is done, and what came of it is being stored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finalizing: bool,
}

/// How many of a number of bytes are through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByteProgress {
    /// So many.
    pub current: u64,
    /// Of so many, where that is known.
    pub total: Option<u64>,
}

/// One of a counted row of steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// What the step works on.
    pub name: String,
    /// Its number, from 1.
    pub current: u64,
    /// How many there are.
    pub total: u64,
}

/// A result that is whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Output {
    /// Where the bytes are.
    pub location: ResultLocation,
    /// How many.
    pub size: u64,
    /// Their SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Their media type.
    pub media_type: String,
    /// The name to save them under.
    pub filename: String,
    /// The path on the wire of what the work put below a root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_path: Option<String>,
}

impl Output {
    /// The path on the wire of the file or folder that the job left below a root, if it left one: what its work put
    /// there, or the result itself.
    pub fn item_path(&self) -> Option<&str> {
        match (&self.target_path, &self.location) {
            (Some(path), _) | (None, ResultLocation::File { path, .. }) => Some(path),
            (None, ResultLocation::Blob(_) | ResultLocation::Consumed) => None,
        }
    }
}

impl Output {
    /// The blob that it is, if it is one.
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
        /// Its path on the wire.
        path: String,
        /// When it was last modified, as the file system says, in nanoseconds since the Unix epoch.
        modified_ns: i64,
    },
    /// Nowhere any more: it was not to be kept.
    Consumed,
}

/// Why a job failed, for whoever submitted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// Stable, `snake_case`.
    pub code: String,
    /// A sentence that a person can act on.
    pub message: String,
    /// More, as the operation likes.
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

/// Where a job is in its life; each state carries what only it has.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Waiting for a worker.
    Queued,
    /// An attempt is under way.
    Running {
        /// When the current attempt was claimed.
        started: WallMs,
    },
    /// Over for good.
    Ended {
        /// When the last attempt was claimed; none if it was canceled in the queue.
        started: Option<WallMs>,
        /// When it ended.
        finished: WallMs,
        /// Not forgotten before this; fixed when the job ends.
        expires: WallMs,
        /// The idle-clock reading before which it is not forgotten, as the store has it.
        due: IdleMs,
        /// How it ended.
        outcome: Outcome,
    },
}

/// The states' names on the wire and in the store.
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

    /// The word.
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

/// A job as the server knows it. Snapshots of it are immutable and shared.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its row and its place in every order.
    pub seq: Seq,
    /// Its public name.
    pub id: JobId,
    /// The name of the token that submitted it; none where there are no tokens.
    pub token: Option<Arc<str>>,
    /// The operation's name.
    pub operation: Arc<str>,
    /// What the operation was asked to do.
    pub params: Params,
    /// The blobs that came with its submission.
    pub uploads: Arc<[BlobId]>,
    /// How often it was started, from 1; shown.
    pub attempt: u32,
    /// How often it was started and not given back by an orderly stop; limited.
    pub interrupted_attempts: u32,
    /// The version of this snapshot.
    pub version: Version,
    /// Somebody asked to stop it.
    pub cancel_requested: bool,
    /// Somebody deleted it after it had begun: it is gone for every reader, and goes when its attempt has stopped and what
    /// it left is removed.
    pub delete_requested: bool,
    /// What its submission wanted besides the work.
    pub options: Arc<JobOptions>,
    /// How far the telling of its end has come; none before it has ended, or if nobody is to be told.
    pub callback: Option<CallbackDelivery>,
    /// What its last attempt wrote, if that has ended and it wrote anything.
    pub log: Option<BlobId>,
    /// What it made is being put where it belongs, so that it is too late to cancel. Not kept across a crash: the next
    /// start finds out whether it is there.
    pub finalizing: bool,
    /// When it was submitted.
    pub created: WallMs,
    /// Where it is in its life.
    pub state: State,
    /// How far it is.
    pub progress: Progress,
}

impl Job {
    /// The name of its state.
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

    /// Whether it is over for good.
    pub fn is_terminal(&self) -> bool {
        matches!(self.state, State::Ended { .. })
    }

    /// Whether a cancel would do something.
    pub fn can_be_canceled(&self) -> bool {
        !self.is_terminal() && !self.cancel_requested && !self.finalizing
    }

    /// Its result, once it has one, and while it has.
    pub fn output(&self) -> Option<&Output> {
        match &self.state {
            State::Ended {
                outcome: Outcome::Succeeded(output),
                ..
            } if output.location != ResultLocation::Consumed => Some(output),
            _ => None,
        }
    }

    /// When the next attempt to tell of its end is due; it is not forgotten before that is over.
    pub fn callback_due(&self) -> Option<IdleMs> {
        self.callback.as_ref().and_then(CallbackDelivery::due)
    }

    /// Every blob that belongs to it.
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

    /// Roughly the memory that a snapshot takes, in bytes.
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
