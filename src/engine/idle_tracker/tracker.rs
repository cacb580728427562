//! Which ended jobs were used lately: every read touches its job, an open download holds it.
//!
//! Touching writes nothing by itself. A job's `due` in its row is a lower bound of when it is forgotten; when that comes
//! the sweeper asks here whether it was touched since, and moves it.
//!
//! Touches that move a job's due by a second or more are stored together with the idle clock: along with other commits,
//! or by themselves as [`crate::plan::ClockSchedule`] says. After a crash both are as they were stored last, and only
//! what was really touched has moved:
//! - The time since then has not passed on the clock, for no job: a crash adds up to that to the life of each, which is
//!   at most half of the server's own and a second, and at most a minute. It moves no job's due, so that no number of
//!   crashes keeps a job for ever.
//! - A job that was touched regularly has lost as much of its touches as of the clock, and stays for its whole time-out
//!   from the last of them.
//! - Of a job that was touched for the first time in a while just before the crash, within the second that it takes to
//!   store it, or a minute where others are touched all the time, that touch is lost.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::job::{IdleMs, Job, Seq, State};
use crate::store::{IdleClock, Uses};

/// Locks that the entries are spread over, so that readers rarely meet.
pub(in crate::engine::idle_tracker) const SHARDS: usize = 16;
/// Entries in a shard before its touches are written down, some 10 MB over all shards.
pub(in crate::engine::idle_tracker) const SHARD_ENTRIES: usize = 16 * 1024;

/// A touch that moves a job's due by less than this is not worth a write: the due is kept to the second.
pub(in crate::engine::idle_tracker) const WORTH_MS: i64 = 1000;
/// The due of a job that is held moves on all the time; it is stored each time that it has moved by this much, or a
/// quarter of the time-out.
pub(in crate::engine::idle_tracker) const HELD_MS: i64 = 60_000;

#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine::idle_tracker) struct Entry {
    pub(in crate::engine::idle_tracker) touched: IdleMs,
    pub(in crate::engine::idle_tracker) timeout_ms: i64,
    /// What the job's row says.
    pub(in crate::engine::idle_tracker) stored: IdleMs,
    pub(in crate::engine::idle_tracker) holds: u32,
    pub(in crate::engine::idle_tracker) expired: bool,
}

impl Entry {
    pub(in crate::engine::idle_tracker) fn due(&self) -> IdleMs {
        IdleMs(self.touched.0 + self.timeout_ms)
    }

    /// When the job is due if nobody uses it from now on.
    pub(in crate::engine::idle_tracker) fn due_at(&self, now: IdleMs) -> IdleMs {
        if self.holds > 0 {
            IdleMs(now.0 + self.timeout_ms)
        } else {
            self.due()
        }
    }

    /// Whether that should be stored.
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
    /// Those that are worth storing, and those that are held.
    pub(in crate::engine::idle_tracker) waiting: BTreeSet<Seq>,
}

/// What the sweeper does with a job whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Verdict {
    /// Nobody used it: it goes. From now on no read finds it.
    Expire,
    /// It is not due before this.
    Rearm(IdleMs),
}

/// The record of use.
#[derive(Debug)]
pub(in crate::engine) struct IdleTracker {
    pub(in crate::engine::idle_tracker) clock: Arc<IdleClock>,
    /// By operation, in milliseconds.
    pub(in crate::engine::idle_tracker) timeouts: HashMap<Arc<str>, i64>,
    /// For operations that are no more.
    pub(in crate::engine::idle_tracker) default_timeout_ms: i64,
    pub(in crate::engine::idle_tracker) shards: [Mutex<Shard>; SHARDS],
    /// Jobs whose touches wait to be stored, and those that are held.
    pub(in crate::engine::idle_tracker) waiting: AtomicUsize,
    /// There are some again.
    pub(in crate::engine::idle_tracker) news: Notify,
}

/// Keeps a job from being forgotten while it lives.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(in crate::engine::idle_tracker) idle: Arc<IdleTracker>,
    pub(in crate::engine::idle_tracker) seq: Seq,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut shard = self.idle.shard(self.seq).lock();
        if let Some(entry) = shard.entries.get_mut(&self.seq) {
            entry.holds -= 1;
            entry.touched = self.idle.clock.now();
            let entry = *entry;
            self.idle.sort(&mut shard, self.seq, entry);
        }
    }
}

impl IdleTracker {
    pub(in crate::engine) fn new(
        clock: Arc<IdleClock>,
        timeouts: HashMap<Arc<str>, i64>,
        default_timeout_ms: i64,
    ) -> Self {
        Self {
            clock,
            timeouts,
            default_timeout_ms,
            shards: Default::default(),
            waiting: AtomicUsize::new(0),
            news: Notify::new(),
        }
    }

    /// Counts a use of an ended job; false if it has expired.
    pub(in crate::engine) fn touch(&self, job: &Job) -> bool {
        let State::Ended { due, .. } = job.state else {
            return true;
        };
        job.callback_due().is_some() || self.enter(job.seq, &job.operation, due, |_| {})
    }

    /// Whether an ended job has expired; looking is no use of it.
    pub(in crate::engine) fn has_expired(&self, job: &Job) -> bool {
        let State::Ended { due, .. } = job.state else {
            return false;
        };
        // Whoever is to be told of its end may want to look at it.
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

    /// Holds an ended job; none if it has expired.
    pub(in crate::engine) fn hold(self: &Arc<Self>, job: &Job) -> Option<Hold> {
        let State::Ended { due, .. } = job.state else {
            return None;
        };
        let held = self.enter(job.seq, &job.operation, due, |entry| entry.holds += 1);
        held.then(|| Hold {
            idle: Arc::clone(self),
            seq: job.seq,
        })
    }

    /// Judges a job whose row says that it is due.
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
        self.sort(&mut shard, seq, entry);
        Verdict::Expire
    }

    /// Drops what is known of a job that is gone.
    pub(in crate::engine) fn forget(&self, seq: Seq) {
        let mut shard = self.shard(seq).lock();
        shard.entries.remove(&seq);
        self.strike(&mut shard, seq);
    }

    /// Whether touches should be written down to make room.
    pub(in crate::engine) fn is_crowded(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.lock().entries.len() > SHARD_ENTRIES)
    }

    /// When each touched job is due, in order of submission.
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

    /// Whether there are touches that wait to be stored, or jobs that are held.
    pub(in crate::engine) fn has_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits until there are some again.
    pub(in crate::engine) async fn news(&self) {
        self.news.notified().await;
    }

    /// When the jobs are due whose touches are worth storing, in order of submission: up to `most` of them.
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

    /// Drops a touch that is in its job's row now, unless there was another one.
    pub(in crate::engine) fn written(&self, seq: Seq, due: IdleMs) {
        let mut shard = self.shard(seq).lock();
        let Some(entry) = shard.entries.get_mut(&seq) else {
            return;
        };
        entry.stored = entry.stored.max(due);
        let entry = *entry;
        if entry.due() <= due && entry.holds == 0 && !entry.expired {
            shard.entries.remove(&seq);
            self.strike(&mut shard, seq);
        } else {
            self.sort(&mut shard, seq, entry);
        }
    }

    /// How long jobs of an operation stay, in milliseconds.
    pub(in crate::engine) fn timeout(&self, operation: &str) -> i64 {
        self.timeouts
            .get(operation)
            .copied()
            .unwrap_or(self.default_timeout_ms)
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
        self.sort(&mut shard, seq, entry);
        true
    }

    /// Puts a job among those that wait to be stored, or takes it from them.
    pub(in crate::engine::idle_tracker) fn sort(&self, shard: &mut Shard, seq: Seq, entry: Entry) {
        if !entry.is_worth_storing(entry.touched) && entry.holds == 0 {
            self.strike(shard, seq);
        } else if shard.waiting.insert(seq) && self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            self.news.notify_one();
        }
    }

    pub(in crate::engine::idle_tracker) fn strike(&self, shard: &mut Shard, seq: Seq) {
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
