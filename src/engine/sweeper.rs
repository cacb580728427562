//! Forgets ended jobs that nobody used, in small batches, and keeps the idle clock on the disk while there is anything
//! that goes by it, as [`ClockSchedule`] says.

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

/// Jobs that one transaction forgets or moves at most.
const BATCH: usize = 128;
/// Between two looks, at most.
const LOOK_PERIOD: Duration = Duration::from_mins(1);
/// Uses of jobs that are stored at a time at most. Where there are more they stay in memory: a crash loses them.
const USES: usize = 16 * 1024;
/// After an error of the store.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Sweeper {
    pub(super) store: Arc<Store>,
    pub(super) idle: Arc<IdleTracker>,
    pub(super) live: Arc<JobCache>,
    /// A job has ended, and may be the first to be due.
    pub(super) ended: Arc<Notify>,
    pub(super) tally: Arc<JobMetrics>,
}

impl Sweeper {
    /// Sweeps until it is dropped.
    pub(super) async fn run(&self) {
        let mut schedule = ClockSchedule::start(self.store.clock().now());
        // Whether memory is kept that jobs have used.
        let mut keeps_memory = false;
        loop {
            let ended = self.ended.notified();
            failpoints::panic_point("sweeper");
            match self.run_once(&mut schedule).await {
                Ok(Some(pause)) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {
                            if keeps_memory && self.live.active().is_empty() {
                                keeps_memory = false;
                                // Nobody needs to know when it is done.
                                drop(tokio::task::spawn_blocking(memory::trim_heap));
                            }
                        }
                        () = ended => keeps_memory = true,
                        () = self.idle.news() => {}
                    }
                }
                // Nothing that could expire: nothing to wake up for.
                Ok(None) => {
                    ended.await;
                    keeps_memory = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "sweeping failed, it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Judges everything that is due, and stores the clock when it is time; gives the time until there may be more.
    async fn run_once(&self, schedule: &mut ClockSchedule) -> Result<Option<Duration>, Error> {
        self.judge().await?;
        if self.idle.is_crowded() {
            self.write_touches().await?;
        }
        if !self.needs_clock().await? {
            return Ok(None);
        }
        let clock = self.store.clock();
        let next = |schedule: &mut ClockSchedule| {
            schedule.next(clock.now(), clock.stored(), self.idle.has_waiting())
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
        // A little late rather than a little early, and once too often.
        Ok(Some(until.min(LOOK_PERIOD) + Duration::from_millis(20)))
    }

    async fn judge(&self) -> Result<(), Error> {
        let now = self.store.clock().now();
        loop {
            let due = self.store.due(now, BATCH).await?;
            let more = due.len() == BATCH;
            let mut sweep = Sweep::default();
            for job in due {
                match self.idle.judge(job.seq, &job.operation, job.since) {
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

    /// Stores the clock, and before it the uses of jobs that are too many to be stored along with it.
    async fn store_clock(&self) -> Result<(), Error> {
        for batch in self.idle.worth_storing(USES).due.chunks(BATCH) {
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

    /// Whether anything goes by the clock: jobs that expire, or that somebody is to be told of.
    async fn needs_clock(&self) -> Result<bool, Error> {
        let next = self.store.next_due().await?;
        Ok(next.is_some()
            || self
                .store
                .next_callback_due(IdleMs(i64::MIN))
                .await?
                .is_some())
    }

    /// Writes down what was touched.
    pub(super) async fn write_touches(&self) -> Result<(), Error> {
        for batch in self.idle.touched().chunks(BATCH) {
            self.commit(Sweep {
                rearmed: batch.to_vec(),
                ..Sweep::default()
            })
            .await?;
        }
        Ok(())
    }

    /// Leaves half of the time to everybody else.
    async fn commit_gently(&self, sweep: Sweep) -> Result<(), Error> {
        let begin = Instant::now();
        self.commit(sweep).await?;
        tokio::time::sleep(begin.elapsed()).await;
        Ok(())
    }

    async fn commit(&self, sweep: Sweep) -> Result<(), Error> {
        let (rearmed, expired) = (sweep.rearmed.clone(), sweep.expired.len());
        self.store.sweep(sweep).await?;
        self.tally.expired.add(expired as u64);
        for (seq, due) in rearmed {
            self.live.rearm(seq, due);
            self.idle.written(seq, due);
        }
        Ok(())
    }
}
