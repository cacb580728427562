//! What a job is and what may happen to it.
//!
//! Owns the identifiers, the states, the events and the one function that decides, [`apply`].
//! It knows no clock, socket, file, database or runtime: time and randomness are arguments.
//! The store calls [`apply`] at run time and at recovery alike; nobody else changes a job.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ulid::Ulid;

/// Milliseconds of wall-clock time since the Unix epoch. Shown to people, never used to order or to expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct WallMs(pub i64);

/// Milliseconds on the idle clock, which runs only while the server is up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct IdleMs(pub i64);

/// The place of a job in the order of submission: its row, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(pub i64);

/// The highest sequence number that fits into an identifier.
pub const SEQ_MAX: i64 = (1 << 40) - 1;

/// A job's public name: a ULID of 48 bits of time, 40 of [`Seq`] and 40 random ones.
///
/// The sequence inside leads straight to the row; the stored id is then compared, so a guess finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(u128);

impl JobId {
    /// Puts an identifier together; `random` contributes its 40 low bits.
    pub fn new(time: WallMs, seq: Seq, random: u64) -> Self {
        let time = (time.0.max(0) as u128) & ((1 << 48) - 1);
        let seq = (seq.0 as u128) & SEQ_MAX as u128;
        Self(time << 80 | seq << 40 | (u128::from(random) & ((1 << 40) - 1)))
    }

    /// The sequence number that the identifier claims to have.
    pub fn seq(self) -> Seq {
        Seq(((self.0 >> 40) as i64) & SEQ_MAX)
    }

    /// The 16 bytes, most significant first.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The identifier with these bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The time inside, which never goes back from one identifier to the next of the same store.
    pub fn time(self) -> WallMs {
        WallMs((self.0 >> 80) as i64)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Ulid(self.0).array_to_str(&mut [0; ulid::ULID_LEN]))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not a ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a job id: 26 characters of Crockford's base 32 are expected")]
pub struct NotAnId;

impl FromStr for JobId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        Ulid::from_string(text)
            .map(|u| Self(u.0))
            .map_err(|_| NotAnId)
    }
}

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
pub const INLINE_PARAMS_BYTES: usize = 512;

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
    pub bytes: Option<Bytes>,
}

/// How many of a number of bytes are through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes {
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
    /// The bytes.
    pub blob: BlobId,
    /// How many.
    pub size: u64,
    /// Their SHA-256, in lower-case hexadecimal.
    pub sha256: String,
    /// Their media type.
    pub media_type: String,
    /// The name to save them under.
    pub filename: String,
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
    pub strikes: u32,
    /// The version of this snapshot.
    pub version: Version,
    /// Somebody asked to stop it.
    pub cancel_requested: bool,
    /// Somebody deleted it while it ran: it is gone for every reader and goes when its attempt stops.
    pub doomed: bool,
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
        !self.is_terminal() && !self.cancel_requested
    }

    /// Its result, once it has one.
    pub fn output(&self) -> Option<&Output> {
        match &self.state {
            State::Ended {
                outcome: Outcome::Succeeded(output),
                ..
            } => Some(output),
            _ => None,
        }
    }

    /// Every blob that belongs to it.
    pub fn blobs(&self) -> impl Iterator<Item = BlobId> {
        let params = match self.params {
            Params::Blob(blob) => Some(blob),
            Params::Inline(_) => None,
        };
        let result = self.output().map(|output| output.blob);
        params
            .into_iter()
            .chain(result)
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
            } => f.message.len() + f.inner.as_ref().map_or(0, |v| v.to_string().len()),
            State::Ended {
                outcome: Outcome::Succeeded(o),
                ..
            } => o.filename.len() + o.media_type.len() + 64,
            _ => 0,
        };
        size_of::<Self>() + params + outcome
    }
}

/// Both clocks at the moment of an event.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// The wall clock.
    pub wall: WallMs,
    /// The idle clock.
    pub idle: IdleMs,
    /// How long a job of this operation stays untouched before it is forgotten, in milliseconds.
    pub idle_timeout_ms: i64,
}

/// What can happen to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A worker takes it.
    Claim,
    /// The attempt made a result.
    Succeed(Output),
    /// The attempt failed.
    Fail(Failure),
    /// The attempt stopped because it was asked to.
    Stop,
    /// Somebody asks to stop it.
    Cancel,
    /// Somebody asks to forget it.
    Delete,
    /// The server stops in order: back to the queue, and the strike is given back.
    Release,
    /// The server had died meanwhile: back to the queue, and the strike counts.
    Requeue,
}

/// What an event does to a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// It becomes this.
    Save(Box<Job>),
    /// It and its result go.
    Forget,
    /// It is as the event wants it already.
    Nothing,
}

/// The event cannot happen to a job in this state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {} job does not take this event", status.as_str())]
pub struct IllegalEvent {
    /// The state that refused.
    pub status: Status,
}

/// Decides what `event` does to `job`. A terminal state never changes; only [`Event::Delete`] ends one.
///
/// # Errors
/// [`IllegalEvent`] where the event has no meaning in this state.
pub fn apply(job: &Job, event: Event, now: Now) -> Result<Change, IllegalEvent> {
    let end = |started, outcome| {
        let mut job = next(job);
        if matches!(outcome, Outcome::Succeeded(_)) {
            job.progress.percent = Some(100.0);
        }
        job.state = State::Ended {
            started,
            finished: now.wall,
            expires: WallMs(now.wall.0.saturating_add(now.idle_timeout_ms)),
            due: IdleMs(now.idle.0.saturating_add(now.idle_timeout_ms)),
            outcome,
        };
        Ok(Change::Save(Box::new(job)))
    };
    match (&job.state, event) {
        (State::Queued, Event::Claim) => {
            let mut job = next(job);
            job.attempt += 1;
            job.strikes += 1;
            job.progress = Progress::default();
            job.state = State::Running { started: now.wall };
            Ok(Change::Save(Box::new(job)))
        }
        (State::Queued, Event::Cancel) => end(None, Outcome::Canceled),
        (State::Queued, Event::Fail(failure)) => end(None, Outcome::Failed(failure)),

        // Whoever was deleted goes as soon as the attempt is over, however it ended.
        (
            State::Running { .. },
            Event::Succeed(_) | Event::Fail(_) | Event::Stop | Event::Release | Event::Requeue,
        ) if job.doomed => Ok(Change::Forget),
        // Whoever was told that the job is stopping finds it canceled, never with a result after all.
        (
            State::Running { started },
            Event::Succeed(_) | Event::Stop | Event::Release | Event::Requeue,
        ) if job.cancel_requested => end(Some(*started), Outcome::Canceled),
        (State::Running { started }, Event::Succeed(output)) => {
            end(Some(*started), Outcome::Succeeded(output))
        }
        (State::Running { started }, Event::Fail(failure)) => {
            end(Some(*started), Outcome::Failed(failure))
        }
        (State::Running { .. }, Event::Release) => Ok(Change::Save(Box::new(requeued(job, 1)))),
        (State::Running { .. }, Event::Requeue) => Ok(Change::Save(Box::new(requeued(job, 0)))),
        (State::Running { .. }, Event::Cancel) if job.cancel_requested => Ok(Change::Nothing),
        (State::Running { .. }, Event::Cancel) => {
            let mut job = next(job);
            job.cancel_requested = true;
            Ok(Change::Save(Box::new(job)))
        }
        (State::Running { .. }, Event::Delete) if job.doomed => Ok(Change::Nothing),
        (State::Running { .. }, Event::Delete) => {
            let mut job = next(job);
            job.cancel_requested = true;
            job.doomed = true;
            Ok(Change::Save(Box::new(job)))
        }

        (
            State::Ended {
                outcome: Outcome::Canceled,
                ..
            },
            Event::Cancel,
        ) => Ok(Change::Nothing),
        (State::Queued | State::Ended { .. }, Event::Delete) => Ok(Change::Forget),
        _ => Err(IllegalEvent {
            status: job.status(),
        }),
    }
}

fn next(job: &Job) -> Job {
    Job {
        version: job.version.next(),
        ..job.clone()
    }
}

fn requeued(job: &Job, strikes_given_back: u32) -> Job {
    let mut job = next(job);
    job.strikes = job.strikes.saturating_sub(strikes_given_back);
    job.progress = Progress::default();
    job.state = State::Queued;
    job
}
