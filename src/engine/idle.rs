//! Which ended jobs were used lately: every read touches its job, an open download holds it.
//!
//! Touching writes nothing. A job's `due` in its row is a lower bound of when it is forgotten; when that comes the
//! sweeper asks here whether it was touched since, and moves it. After a crash everything that was not due by the last
//! stored clock counts as touched then: late, never early.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::job::{IdleMs, Job, Seq, State};
use crate::store::IdleClock;

/// Locks that the entries are spread over, so that readers rarely meet.
const SHARDS: usize = 16;
/// Entries in a shard before its touches are written down, some 10 MB over all shards.
const SHARD_ENTRIES: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, Default)]
struct Entry {
    touched: IdleMs,
    timeout_ms: i64,
    holds: u32,
    expired: bool,
}

impl Entry {
    fn due(&self) -> IdleMs {
        IdleMs(self.touched.0 + self.timeout_ms)
    }
}

/// What the sweeper does with a job whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nobody used it: it goes. From now on no read finds it.
    Expire,
    /// It is not due before this.
    Rearm(IdleMs),
}

/// The record of use.
#[derive(Debug)]
pub(super) struct Idle {
    clock: Arc<IdleClock>,
    /// By operation, in milliseconds.
    timeouts: HashMap<Arc<str>, i64>,
    /// For operations that are no more.
    default_timeout_ms: i64,
    /// After a crash: the last stored clock.
    crashed_at: Option<IdleMs>,
    shards: [Mutex<HashMap<Seq, Entry>>; SHARDS],
}

/// Keeps a job from being forgotten while it lives.
#[derive(Debug)]
pub(crate) struct Hold {
    idle: Arc<Idle>,
    seq: Seq,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut shard = self.idle.shard(self.seq).lock();
        if let Some(entry) = shard.get_mut(&self.seq) {
            entry.holds -= 1;
            entry.touched = self.idle.clock.now();
        }
    }
}

impl Idle {
    pub(super) fn new(
        clock: Arc<IdleClock>,
        timeouts: HashMap<Arc<str>, i64>,
        default_timeout_ms: i64,
        crashed_at: Option<IdleMs>,
    ) -> Self {
        Self {
            clock,
            timeouts,
            default_timeout_ms,
            crashed_at,
            shards: Default::default(),
        }
    }

    /// Counts a use of an ended job; false if it has expired.
    pub(super) fn touch(&self, job: &Job) -> bool {
        let State::Ended { due, .. } = job.state else {
            return true;
        };
        job.delivery_due().is_some() || self.enter(job.seq, &job.operation, due, |_| {})
    }

    /// Whether an ended job has expired; looking is no use of it.
    pub(super) fn has_expired(&self, job: &Job) -> bool {
        let State::Ended { due, .. } = job.state else {
            return false;
        };
        // Whoever is to be told of its end may want to look at it.
        if job.delivery_due().is_some() {
            return false;
        }
        let entry = self
            .shard(job.seq)
            .lock()
            .get(&job.seq)
            .copied()
            .unwrap_or_default();
        entry.expired
            || (entry.holds == 0 && self.due(entry, &job.operation, due) <= self.clock.now())
    }

    /// Holds an ended job; none if it has expired.
    pub(super) fn hold(self: &Arc<Self>, job: &Job) -> Option<Hold> {
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
    pub(super) fn judge(&self, seq: Seq, operation: &str, due: IdleMs) -> Verdict {
        let now = self.clock.now();
        let mut shard = self.shard(seq).lock();
        let entry = shard.get(&seq).copied().unwrap_or_default();
        if entry.holds > 0 {
            return Verdict::Rearm(IdleMs(now.0 + self.timeout(operation)));
        }
        let due = self.due(entry, operation, due);
        if due > now {
            return Verdict::Rearm(due);
        }
        shard.insert(
            seq,
            Entry {
                expired: true,
                ..entry
            },
        );
        Verdict::Expire
    }

    /// Drops what is known of a job that is gone.
    pub(super) fn forget(&self, seq: Seq) {
        self.shard(seq).lock().remove(&seq);
    }

    /// Whether touches should be written down to make room.
    pub(super) fn is_crowded(&self) -> bool {
        self.shards
            .iter()
            .any(|shard| shard.lock().len() > SHARD_ENTRIES)
    }

    /// When each touched job is due, in order of submission.
    pub(super) fn touched(&self) -> Vec<(Seq, IdleMs)> {
        let mut touched = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock();
            touched.extend(
                shard
                    .iter()
                    .filter(|(_, e)| !e.expired)
                    .map(|(seq, e)| (*seq, e.due())),
            );
        }
        touched.sort_unstable();
        touched
    }

    /// Drops a touch that is in its job's row now, unless there was another one.
    pub(super) fn written(&self, seq: Seq, due: IdleMs) {
        let mut shard = self.shard(seq).lock();
        if shard
            .get(&seq)
            .is_some_and(|e| e.due() == due && e.holds == 0 && !e.expired)
        {
            shard.remove(&seq);
        }
    }

    /// How long jobs of an operation stay, in milliseconds.
    pub(super) fn timeout(&self, operation: &str) -> i64 {
        self.timeouts
            .get(operation)
            .copied()
            .unwrap_or(self.default_timeout_ms)
    }

    fn enter(
        &self,
        seq: Seq,
        operation: &str,
        due: IdleMs,
        change: impl FnOnce(&mut Entry),
    ) -> bool {
        let now = self.clock.now();
        let mut shard = self.shard(seq).lock();
        let entry = shard.entry(seq).or_default();
        if entry.expired || (entry.holds == 0 && self.due(*entry, operation, due) <= now) {
            return false;
        }
        entry.touched = now;
        entry.timeout_ms = self.timeout(operation);
        change(entry);
        true
    }

    fn due(&self, entry: Entry, operation: &str, due: IdleMs) -> IdleMs {
        let crashed = self.crashed_at.filter(|stored| due > *stored);
        let crashed = crashed.map(|stored| IdleMs(stored.0 + self.timeout(operation)));
        due.max(entry.due()).max(crashed.unwrap_or_default())
    }

    fn shard(&self, seq: Seq) -> &Mutex<HashMap<Seq, Entry>> {
        &self.shards[seq.0 as usize % SHARDS]
    }
}
