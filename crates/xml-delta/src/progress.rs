//! Progress reports, and stopping the work early.

use std::ops::ControlFlow;

/// A step of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading the input of this index, from 0.
    Reading(usize),
    /// Matching the versions and writing the result.
    Comparing,
}

/// The progress of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// The amount of work done.
    pub done: u64,
    /// The total amount of work.
    pub total: u64,
}

/// Receives progress, and can stop the work.
pub trait ProgressSink {
    /// Called many times a second; [`ControlFlow::Break`] stops the work with
    /// [`ErrorKind::Stopped`](crate::ErrorKind::Stopped).
    fn progress(&self, progress: Progress) -> ControlFlow<()>;
}

/// Ignores progress and never stops the work.
impl ProgressSink for () {
    fn progress(&self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
