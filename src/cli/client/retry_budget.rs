//! Retries of requests while a server is unavailable, limited in time.

use std::time::{Duration, Instant};

use super::Error;
use crate::cli::progress::ProgressReporter;

/// Pause before the first retry. Each pause is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause between retries.
const MAX_PAUSE: Duration = Duration::from_secs(3);

/// How long a server may be unavailable, and since when it has been.
pub(in crate::cli) struct RetryBudget {
    limit: Duration,
    /// When the server became unavailable, and the next pause.
    outage: Option<(Instant, Duration)>,
}

impl RetryBudget {
    pub(super) fn new(limit: Duration) -> Self {
        Self {
            limit,
            outage: None,
        }
    }

    /// The server answered: the whole budget is available again.
    pub(in crate::cli) fn renew(&mut self) {
        self.outage = None;
    }

    /// Waits before the next retry.
    ///
    /// # Errors
    /// Returns `error` if a retry cannot help, or the budget is used up.
    pub(in crate::cli) async fn wait(
        &mut self,
        error: Error,
        progress: &ProgressReporter,
    ) -> Result<(), Error> {
        let (since, pause) = self.outage.unwrap_or((Instant::now(), FIRST_PAUSE));
        let left = self.limit.saturating_sub(since.elapsed());
        if !error.is_transient() || left.is_zero() {
            return Err(error);
        }
        if self.outage.is_none() {
            let left = humantime::format_duration(self.limit);
            progress.print_message(&format!("{error}; retrying for {left}"));
        }
        self.outage = Some((since, (pause * 2).min(MAX_PAUSE)));
        tokio::time::sleep(error.retry_after().unwrap_or(pause).min(left)).await;
        Ok(())
    }
}
