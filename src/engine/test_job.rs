//! A queued job for unit tests.

use std::sync::Arc;

use crate::job::{Job, JobId, Params, Progress, Seq, State, Version, WallMs};

/// A queued job that was submitted without a token.
pub(in crate::engine) fn a_job(seq: i64) -> Job {
    Job {
        seq: Seq(seq),
        id: JobId::new(WallMs(1), Seq(seq), 1),
        token: None,
        operation: "zip".into(),
        params: Params::Inline("{}".into()),
        uploads: Arc::new([]),
        options: Arc::default(),
        callback: None,
        log: None,
        finalizing: false,
        attempt: 0,
        interrupted_attempts: 0,
        version: Version::default(),
        cancel_requested: false,
        delete_requested: false,
        created: WallMs(1),
        state: State::Queued,
        progress: Progress::default(),
    }
}
