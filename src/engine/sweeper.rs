//! Deletes ended jobs whose idle_tracker timeout has passed, in small batches, and stores the idle_tracker clock on the schedule of
//! [`ClockSchedule`] while any job or callback depends on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::idle_tracker::{IdleTracker, Verdict};
use super::job_cache::JobCache;
use super::metrics::JobMetrics;
use crate::failpoints;
use crate::job::IdleMs;
use crate::memory;
use crate::plan::ClockSchedule;
use crate::store::{Error, Store, Sweep};

/// Maximum number of jobs that one transaction deletes or rearms.
const BATCH: usize = 128;
/// Maximum time between two sweeps.
const MAX_PAUSE: Duration = Duration::from_mins(1);
/// Maximum number of uses stored at a time. Further ones stay in memory, and a crash loses them.
const MAX_USES: usize = 16 * 1024;
/// Pause after an error of the store.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Sweeper {
    pub(super) store: Arc<Store>,
    pub(super) idle_tracker: Arc<IdleTracker>,
    pub(super) job_cache: Arc<JobCache>,
    /// Notified when a job has ended: it may be the next to expire.
    pub(super) job_ended: Arc<Notify>,
    pub(super) metrics: Arc<JobMetrics>,
}

impl Sweeper {
    /// Sweeps until the future is dropped.
    pub(super) async fn run(&self) {
        let mut schedule = ClockSchedule::start(self.store.clock().now());
        // Whether jobs have ended since the heap was trimmed.
        let mut may_trim = false;
        loop {
            let job_ended = self.job_ended.notified();
            failpoints::panic_point("sweeper");
            match self.run_once(&mut schedule).await {
                Ok(Some(pause)) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {
                            if may_trim && self.job_cache.active().is_empty() {
                                may_trim = false;
                                // Nothing waits for the trim to finish.
                                drop(tokio::task::spawn_blocking(memory::trim_heap));
                            }
                        }
                        () = job_ended => may_trim = true,
                        () = self.idle_tracker.touched_again() => {}
                    }
                }
                // Nothing can expire before another job ends.
                Ok(None) => {
                    job_ended.await;
                    may_trim = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot delete expired jobs; trying again in {} s", ERROR_PAUSE.as_secs());
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
        }
    }

    /// Sweeps all jobs that are due, and stores the clock if it is time. Returns the time until the next sweep, or `None`
    /// if nothing depends on the clock.
    async fn run_once(&self, schedule: &mut ClockSchedule) -> Result<Option<Duration>, Error> {
        self.judge().await?;
        if self.idle_tracker.is_crowded() {
            self.write_touches().await?;
        }
        if !self.needs_clock().await? {
            return Ok(None);
        }
        let clock = self.store.clock();
        let next = |schedule: &mut ClockSchedule| {
            schedule.next(clock.now(), clock.stored(), self.idle_tracker.has_waiting())
        };
        if next(schedule) <= clock.now() {
            let before = clock.stored();
            self.store_clock().await?;
            schedule.has_stored(clock.stored(), before);
        }
        let mut until = next(schedule);
        if let Some(due) = self.store.next_due().await? {
            until = until.min(due);
        }
        let until = Duration::from_millis((until.0 - clock.now().0).max(0) as u64);
        // The margin avoids a wake-up just before the job is due, and another one right after it.
        Ok(Some(until.min(MAX_PAUSE) + Duration::from_millis(20)))
    }

    async fn judge(&self) -> Result<(), Error> {
        let now = self.store.clock().now();
        loop {
            let due = self.store.due(now, BATCH).await?;
            let more = due.len() == BATCH;
            let mut sweep = Sweep::default();
            for job in due {
                match self.idle_tracker.judge(job.seq, &job.operation, job.since) {
                    Verdict::Expire => sweep.expired.push(job.seq),
                    Verdict::Rearm(due) => sweep.rearmed.push((job.seq, due)),
                }
            }
            if !sweep.is_empty() {
                self.commit_gently(sweep).await?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    /// Stores the uses of jobs in batches, then the clock.
    async fn store_clock(&self) -> Result<(), Error> {
        for batch in self.idle_tracker.worth_storing(MAX_USES).due.chunks(BATCH) {
            self.commit_gently(Sweep {
                rearmed: batch.to_vec(),
                ..Sweep::default()
            })
            .await?;
        }
        self.commit(Sweep {
            stores_clock: true,
            ..Sweep::default()
        })
        .await
    }

    /// Whether anything depends on the clock: jobs that expire or pending callbacks.
    async fn needs_clock(&self) -> Result<bool, Error> {
        let next = self.store.next_due().await?;
        Ok(next.is_some()
            || self
                .store
                .next_callback_due(IdleMs(i64::MIN))
                .await?
                .is_some())
    }

    /// Stores all touches that are only in memory.
    ///
    /// # Errors
    /// An error if the database cannot be written.
    pub(super) async fn write_touches(&self) -> Result<(), Error> {
        for batch in self.idle_tracker.touched().chunks(BATCH) {
            self.commit(Sweep {
                rearmed: batch.to_vec(),
                ..Sweep::default()
            })
            .await?;
        }
        Ok(())
    }

    /// Commits and then pauses as long as the commit took, so that other writes get half of the time.
    async fn commit_gently(&self, sweep: Sweep) -> Result<(), Error> {
        let begin = Instant::now();
        self.commit(sweep).await?;
        tokio::time::sleep(begin.elapsed()).await;
        Ok(())
    }

    async fn commit(&self, sweep: Sweep) -> Result<(), Error> {
        let (rearmed, expired) = (sweep.rearmed.clone(), sweep.expired.len());
        self.store.sweep(sweep).await?;
        self.metrics.expired.add(expired as u64);
        for (seq, due) in rearmed {
            self.job_cache.rearm(seq, due);
            self.idle_tracker.written(seq, due);
        }
        Ok(())
    }
}
