//! Forgets ended jobs that nobody used, in small batches, and keeps the idle clock on the disk.
//!
//! The clock that is stored never runs ahead of what was judged: a job that is due by the stored clock was not touched.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::idle::{Idle, Verdict};
use super::live::Live;
use super::tally::Tally;
use crate::faults;
use crate::job::IdleMs;
use crate::memory;
use crate::store::{Error, Store, Sweep};

/// Jobs that one transaction forgets or moves at most.
const BATCH: usize = 128;
/// The clock is stored this often by itself, while there is something to expire.
const CLOCK_PERIOD: Duration = Duration::from_mins(1);
/// After an error of the store.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Sweeper {
    pub(super) store: Arc<Store>,
    pub(super) idle: Arc<Idle>,
    pub(super) live: Arc<Live>,
    /// A job has ended, and may be the first to be due.
    pub(super) ended: Arc<Notify>,
    pub(super) tally: Arc<Tally>,
}

impl Sweeper {
    /// Sweeps until it is dropped.
    pub(super) async fn run(&self) {
        let mut stored = self.store.clock().now();
        // Whether memory is kept that jobs have used.
        let mut keeps_memory = false;
        loop {
            let ended = self.ended.notified();
            faults::panic_point("sweeper");
            match self.run_once(&mut stored).await {
                Ok(Some(pause)) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {
                            if keeps_memory && self.live.active().is_empty() {
                                keeps_memory = false;
                                // Nobody needs to know when it is done.
                                drop(tokio::task::spawn_blocking(memory::give_back));
                            }
                        }
                        () = ended => keeps_memory = true,
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

    /// Judges everything that is due; gives the time until there may be more.
    async fn run_once(&self, stored: &mut IdleMs) -> Result<Option<Duration>, Error> {
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
            let clock_is_old = now.0 - stored.0 >= CLOCK_PERIOD.as_millis() as i64;
            if !more && (clock_is_old || !sweep.is_empty()) && self.needs_clock().await? {
                sweep.clock = Some(now);
                *stored = now;
            }
            if !sweep.is_empty() {
                let begin = Instant::now();
                self.commit(sweep).await?;
                // Half of the time is everybody else's.
                tokio::time::sleep(begin.elapsed()).await;
            }
            if !more {
                break;
            }
        }
        if self.idle.is_crowded() {
            self.write_touches().await?;
        }
        let Some(due) = self.store.next_due().await? else {
            return Ok(self.needs_clock().await?.then_some(CLOCK_PERIOD));
        };
        Ok(Some({
            let until_due =
                Duration::from_millis((due.0 - self.store.clock().now().0).max(0) as u64);
            // A little late rather than a little early, and once too often.
            until_due.min(CLOCK_PERIOD) + Duration::from_millis(20)
        }))
    }

    /// Whether anything goes by the clock: jobs that expire, or that somebody is to be told of.
    async fn needs_clock(&self) -> Result<bool, Error> {
        let next = self.store.next_due().await?;
        Ok(next.is_some() || self.store.next_delivery(IdleMs(i64::MIN)).await?.is_some())
    }

    /// Writes down what was touched.
    pub(super) async fn write_touches(&self) -> Result<(), Error> {
        for batch in self.idle.touched().chunks(BATCH) {
            self.commit(Sweep {
                rearmed: batch.to_vec(),
                ..Sweep::default()
            })
            .await?;
            for (seq, due) in batch {
                self.idle.written(*seq, *due);
            }
        }
        Ok(())
    }

    async fn commit(&self, sweep: Sweep) -> Result<(), Error> {
        let (rearmed, expired) = (sweep.rearmed.clone(), sweep.expired.len());
        self.store.sweep(sweep).await?;
        self.tally.expired.add(expired as u64);
        for (seq, due) in rearmed {
            self.live.rearm(seq, due);
        }
        Ok(())
    }
}
