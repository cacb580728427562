//! Progress reports, and stopping the work early.

use std::ops::ControlFlow;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The input of this number, from 0, is read.
    Reading(usize),
    /// Versions are matched with each other and written.
    Comparing,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to it.
    pub total: u64,
}

/// Receives progress, and can stop the work.
pub trait ProgressSink {
    /// Called many times a second while work goes on; [`ControlFlow::Break`] ends it with [`ErrorKind::Stopped`].
    fn progress(&self, progress: Progress) -> ControlFlow<()>;
}

/// Ignores progress and never stops the work.
impl ProgressSink for () {
    fn progress(&self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}
