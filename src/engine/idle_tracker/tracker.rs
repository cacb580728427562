//! Tracks when ended jobs were last used: every read touches its job, and an open download holds it.
//!
//! A touch by itself writes nothing. The `due` in a job's row is a lower bound for the time of its expiry. At that time
//! the sweeper asks the tracker whether the job was touched since, and if so moves its due.
//!
//! Touches that move a job's due by a second or more are stored together with the idle clock: along with other commits,
//! or on their own as [`crate::plan::ClockSchedule`] decides. A crash resets the clock and the touches to their last
//! stored state, with these effects:
//! - The clock loses the time since it was stored last, which lengthens the life of every job by that time: at most half
//!   of the server's uptime plus a second, and at most a minute. No job's due moves, so repeated crashes cannot keep a job
//!   forever.
//! - A job that was touched regularly loses as much of its touches as the clock loses time, so it stays for its whole
//!   timeout after the last touch.
//! - A job that was touched for the first time in a while may lose that touch if the crash comes before it is stored:
//!   within a second, or within a minute while other jobs are touched all the time.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::job::{IdleMs, Job, Seq, State};
use crate::store::{IdleClock, Uses};

/// Number of shards with a lock each, so that readers rarely contend.
pub(in crate::engine::idle_tracker) const SHARDS: usize = 16;
/// Number of entries in a shard from which on its touches are stored to make room; some 10 MB over all shards.
pub(in crate::engine::idle_tracker) const SHARD_ENTRIES: usize = 16 * 1024;

/// Minimum move of a job's due that is stored, in milliseconds: the due is accurate to a second.
pub(in crate::engine::idle_tracker) const WORTH_MS: i64 = 1000;
/// Move of a held job's due after which it is stored, in milliseconds, unless a quarter of its timeout is less. The due of
/// a held job moves all the time.
pub(in crate::engine::idle_tracker) const HELD_MS: i64 = 60_000;

#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine::idle_tracker) struct Entry {
    pub(in crate::engine::idle_tracker) touched: IdleMs,
    pub(in crate::engine::idle_tracker) timeout_ms: i64,
    /// The due in the job's row.
    pub(in crate::engine::idle_tracker) stored: IdleMs,
    pub(in crate::engine::idle_tracker) holds: u32,
    pub(in crate::engine::idle_tracker) expired: bool,
}

impl Entry {
    pub(in crate::engine::idle_tracker) fn due(&self) -> IdleMs {
        IdleMs(self.touched.0 + self.timeout_ms)
    }

    /// The job's due if it is not used from now on.
    pub(in crate::engine::idle_tracker) fn due_at(&self, now: IdleMs) -> IdleMs {
        if self.holds > 0 {
            IdleMs(now.0 + self.timeout_ms)
        } else {
            self.due()
        }
    }

    /// Whether the due has moved enough to be stored.
    pub(in crate::engine::idle_tracker) fn is_worth_storing(&self, now: IdleMs) -> bool {
        let worth = if self.holds > 0 {
            HELD_MS.min(self.timeout_ms / 4).max(WORTH_MS)
        } else {
            WORTH_MS
        };
        !self.expired && self.due_at(now).0 - self.stored.0 >= worth
    }
}

#[derive(Debug, Default)]
pub(in crate::engine::idle_tracker) struct Shard {
    pub(in crate::engine::idle_tracker) entries: HashMap<Seq, Entry>,
    /// Jobs whose touches are worth storing, and jobs that are held.
    pub(in crate::engine::idle_tracker) waiting: BTreeSet<Seq>,
}

/// The decision on a job whose row is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Verdict {
    /// The job was not used and expires. From now on reads do not find it.
    Expire,
    /// The job was used and is not due before this time.
    Rearm(IdleMs),
}

/// How long ended jobs are kept without being used, in milliseconds.
#[derive(Debug)]
pub(in crate::engine) struct IdleTimeouts {
    /// The timeout of each operation.
    pub(in crate::engine) by_operation: HashMap<Arc<str>, i64>,
    /// The timeout of jobs whose operation is not registered.
    pub(in crate::engine) default: i64,
}

/// The touches and holds of ended jobs.
#[derive(Debug)]
pub(in crate::engine) struct IdleTracker {
    pub(in crate::engine::idle_tracker) clock: Arc<IdleClock>,
    pub(in crate::engine::idle_tracker) timeouts: RwLock<IdleTimeouts>,
    pub(in crate::engine::idle_tracker) shards: [Mutex<Shard>; SHARDS],
    /// The number of jobs whose touches wait to be stored or that are held.
    pub(in crate::engine::idle_tracker) waiting: AtomicUsize,
    /// Notified when that number is no longer zero.
    pub(in crate::engine::idle_tracker) first_waiting: Notify,
}

/// Keeps a job from expiring until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(in crate::engine::idle_tracker) tracker: Arc<IdleTracker>,
    pub(in crate::engine::idle_tracker) seq: Seq,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut shard = self.tracker.shard(self.seq).lock();
        if let Some(entry) = shard.entries.get_mut(&self.seq) {
            entry.holds -= 1;
            entry.touched = self.tracker.clock.now();
            let entry = *entry;
            self.tracker.update_waiting(&mut shard, self.seq, entry);
        }
    }
}

impl IdleTracker {
    pub(in crate::engine) fn new(clock: Arc<IdleClock>, timeouts: IdleTimeouts) -> Self {
        Self {
            clock,
            timeouts: RwLock::new(timeouts),
            shards: Default::default(),
            waiting: AtomicUsize::new(0),
            first_waiting: Notify::new(),
        }
    }

    /// Counts a use of an ended job. Returns `false` if the job has expired.
    pub(in crate::engine) fn touch(&self, job: &Job) -> bool {
        let State::Ended { due, .. } = job.state else {
            return true;
        };
        job.callback_due().is_some() || self.enter(job.seq, &job.operation, due, |_| {})
    }

    /// Whether an ended job has expired. Does not count as a use.
    pub(in crate::engine) fn has_expired(&self, job: &Job) -> bool {
        let State::Ended { due, .. } = job.state else {
            return false;
        };
        // The receiver of a pending callback may want to read the job.
        if job.callback_due().is_some() {
            return false;
        }
        let entry = self
            .shard(job.seq)
            .lock()
            .entries
            .get(&job.seq)
            .copied()
            .unwrap_or_default();
        entry.expired || (entry.holds == 0 && due.max(entry.due()) <= self.clock.now())
    }

    /// Holds an ended job. Returns `None` if it has not ended or has expired.
    pub(in crate::engine) fn hold(self: &Arc<Self>, job: &Job) -> Option<Hold> {
        let State::Ended { due, .. } = job.state else {
            return None;
        };
        let held = self.enter(job.seq, &job.operation, due, |entry| entry.holds += 1);
        held.then(|| Hold {
            tracker: Arc::clone(self),
            seq: job.seq,
        })
    }

    /// Decides whether a job whose row is due expires.
    pub(in crate::engine) fn judge(&self, seq: Seq, operation: &str, due: IdleMs) -> Verdict {
        let now = self.clock.now();
        let mut shard = self.shard(seq).lock();
        let entry = shard.entries.get(&seq).copied().unwrap_or_default();
        if entry.holds > 0 {
            return Verdict::Rearm(IdleMs(now.0 + self.timeout(operation)));
        }
        let due = due.max(entry.due());
        if due > now {
            return Verdict::Rearm(due);
        }
        let entry = Entry {
            expired: true,
            ..entry
        };
        shard.entries.insert(seq, entry);
        self.update_waiting(&mut shard, seq, entry);
        Verdict::Expire
    }

    /// Drops the entry of a job that is gone.
    pub(in crate::engine) fn forget(&self, seq: Seq) {
        let mut shard = self.shard(seq).lock();
        shard.entries.remove(&seq);
        self.remove_waiting(&mut shard, seq);
    }

    /// Whether touches should be stored to make room in memory.
    pub(in crate::engine) fn is_crowded(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.lock().entries.len() > SHARD_ENTRIES)
    }

    /// The due of each touched job, in order of submission.
    pub(in crate::engine) fn touched(&self) -> Vec<(Seq, IdleMs)> {
        let now = self.clock.now();
        let mut touched = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            let all = shard.entries.iter().filter(|(_, e)| !e.expired);
            touched.extend(all.map(|(seq, e)| (*seq, e.due_at(now))));
        }
        touched.sort_unstable();
        touched
    }

    /// Whether touches wait to be stored or jobs are held.
    pub(in crate::engine) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits until a job is touched or held while none was waiting.
    pub(in crate::engine) async fn touched_again(&self) {
        self.first_waiting.notified().await;
    }

    /// The dues of up to `most` jobs whose touches are worth storing, in order of submission.
    pub(in crate::engine) fn worth_storing(&self, most: usize) -> Uses {
        let now = self.clock.now();
        let mut uses = Uses::default();
        for shard in &self.shards {
            let shard = shard.lock();
            let waiting = shard.waiting.iter();
            let waiting = waiting.filter_map(|seq| Some((*seq, *shard.entries.get(seq)?)));
            for (seq, entry) in waiting.filter(|(_, entry)| entry.is_worth_storing(now)) {
                if uses.due.len() == most {
                    uses.has_more = true;
                    break;
                }
                uses.due.push((seq, entry.due_at(now)));
            }
        }
        uses.due.sort_unstable();
        uses
    }

    /// Drops a touch that was stored in its job's row, unless the job was touched again.
    pub(in crate::engine) fn written(&self, seq: Seq, due: IdleMs) {
        let mut shard = self.shard(seq).lock();
        let Some(entry) = shard.entries.get_mut(&seq) else {
            return;
        };
        entry.stored = entry.stored.max(due);
        let entry = *entry;
        if entry.due() <= due && entry.holds == 0 && !entry.expired {
            shard.entries.remove(&seq);
            self.remove_waiting(&mut shard, seq);
        } else {
            self.update_waiting(&mut shard, seq, entry);
        }
    }

    /// The idle timeout of jobs of an operation, in milliseconds.
    pub(in crate::engine) fn timeout(&self, operation: &str) -> i64 {
        let timeouts = self.timeouts.read();
        let own = timeouts.by_operation.get(operation).copied();
        own.unwrap_or(timeouts.default)
    }

    /// Replaces the idle timeouts, for uses of jobs from now on.
    pub(in crate::engine) fn set_timeouts(&self, timeouts: IdleTimeouts) {
        *self.timeouts.write() = timeouts;
    }

    pub(in crate::engine::idle_tracker) fn enter(
        &self,
        seq: Seq,
        operation: &str,
        due: IdleMs,
        change: impl FnOnce(&mut Entry),
    ) -> bool {
        let now = self.clock.now();
        let mut shard = self.shard(seq).lock();
        let entry = shard.entries.entry(seq).or_default();
        if entry.expired || (entry.holds == 0 && due.max(entry.due()) <= now) {
            return false;
        }
        entry.touched = now;
        entry.timeout_ms = self.timeout(operation);
        entry.stored = entry.stored.max(due);
        change(entry);
        let entry = *entry;
        self.update_waiting(&mut shard, seq, entry);
        true
    }

    /// Adds a job to those that wait to be stored, or removes it from them.
    pub(in crate::engine::idle_tracker) fn update_waiting(
        &self,
        shard: &mut Shard,
        seq: Seq,
        entry: Entry,
    ) {
        if !entry.is_worth_storing(entry.touched) && entry.holds == 0 {
            self.remove_waiting(shard, seq);
        } else if shard.waiting.insert(seq) && self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            self.first_waiting.notify_one();
        }
    }

    pub(in crate::engine::idle_tracker) fn remove_waiting(&self, shard: &mut Shard, seq: Seq) {
        if shard.waiting.remove(&seq) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(in crate::engine::idle_tracker) fn shard(&self, seq: Seq) -> &Mutex<Shard> {
        &self.shards[seq.0 as usize % SHARDS]
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
