//! Patience with a server that was there and is away: it is asked again for a while, and then no more.

use std::time::{Duration, Instant};

use super::Error;
use crate::cli::progress::ProgressReporter;

/// The first pause; each is twice as long as the one before, up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(3);

/// How long a server may be away, and since when it is.
pub(in crate::cli) struct RetryBudget {
    limit: Duration,
    away: Option<(Instant, Duration)>,
}

impl RetryBudget {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, away: None }
    }

    /// It is there.
    pub(in crate::cli) fn renew(&mut self) {
        self.away = None;
    }

    /// Waits for a moment after what may pass.
    ///
    /// # Errors
    /// The same error, when it will not pass, or has not for too long.
    pub(in crate::cli) async fn bear(
        &mut self,
        error: Error,
        show: &ProgressReporter,
    ) -> Result<(), Error> {
        let (since, pause) = self.away.unwrap_or((Instant::now(), FIRST_PAUSE));
        let left = self.limit.saturating_sub(since.elapsed());
        if !error.may_pass() || left.is_zero() {
            return Err(error);
        }
        if self.away.is_none() {
            let left = humantime::format_duration(self.limit);
            show.say(&format!("{error}; trying again for {left}"));
        }
        self.away = Some((since, (pause * 2).min(LAST_PAUSE)));
        tokio::time::sleep(error.retry_after().unwrap_or(pause).min(left)).await;
        Ok(())
    }
}
