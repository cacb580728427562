//! The progress of an attempt, until the engine takes it.

use parking_lot::Mutex;

use crate::job::Progress;

/// How many calls of [`ProgressMeter::flush`] take effect. Later progress is shown at the usual interval.
const MAX_FLUSHES: u32 = 32;

/// Receives notice of new progress. The engine then takes the progress with
/// [`Context::take_progress`](crate::operations::Context::take_progress).
pub(crate) trait ProgressSink: Send + Sync {
    /// There is progress that was not taken yet.
    fn changed(&self);

    /// There is progress that should be shown at once, because the work has entered a new phase.
    fn flushed(&self);
}

/// The latest progress of an attempt, and whether the engine has taken it.
pub(super) struct ProgressMeter {
    state: Mutex<State>,
    sink: Box<dyn ProgressSink>,
}

#[derive(Default)]
struct State {
    progress: Progress,
    is_untaken: bool,
    flushes: u32,
}

impl ProgressMeter {
    pub(super) fn new(sink: Box<dyn ProgressSink>) -> Self {
        Self {
            state: Mutex::default(),
            sink,
        }
    }

    /// Changes the progress. Notifies the sink unless it has been notified and has not taken the progress yet.
    pub(super) fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut state = self.state.lock();
        change(&mut state.progress);
        if !std::mem::replace(&mut state.is_untaken, true) {
            self.sink.changed();
        }
    }

    /// Asks the sink to show untaken progress at once.
    pub(super) fn flush(&self) {
        let mut state = self.state.lock();
        state.flushes = state.flushes.saturating_add(1);
        if state.is_untaken && state.flushes <= MAX_FLUSHES {
            self.sink.flushed();
        }
    }

    /// Takes the latest progress, or `None` if it was taken already.
    pub(super) fn take(&self) -> Option<Progress> {
        let mut state = self.state.lock();
        std::mem::take(&mut state.is_untaken).then(|| state.progress.clone())
    }

    /// The latest progress.
    pub(super) fn latest(&self) -> Progress {
        self.state.lock().progress.clone()
    }
}
