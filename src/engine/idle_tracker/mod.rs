//! Tracks when ended jobs were last used: every read touches its job, and an open download holds it.

mod tracker;

pub(crate) use tracker::Hold;
pub(in crate::engine) use tracker::{IdleTimeouts, IdleTracker, Verdict};
