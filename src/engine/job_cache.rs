//! The jobs in memory: all that have not ended, and as many ended ones as fit into a fixed number of bytes.
//!
//! Whoever polls is answered from here. Whoever waits watches one job and is woken once per change; waiting costs no
//! thread and no query. Written by the store's commits and by the progress of running attempts, read by everyone.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::rendered::{RenderedCache, Slot};
use crate::job::{IdleMs, Job, Progress, Seq, State, Version};

/// Locks that the table is spread over, so that polls rarely meet.
const SHARDS: usize = 16;
/// What an entry weighs besides the job in it, in bytes.
const ENTRY_BYTES: usize = 700;

/// One job in memory. The snapshot is none once the job was forgotten.
#[derive(Debug)]
pub(crate) struct CachedJob {
    snapshot: watch::Sender<Option<Arc<Job>>>,
    rendered: Slot,
    /// How often it was asked for by those who are told so.
    polls: AtomicU32,
    /// When it came here.
    since: Instant,
}

impl CachedJob {
    pub(super) fn new(job: Arc<Job>) -> Self {
        Self {
            snapshot: watch::Sender::new(Some(job)),
            rendered: Slot::default(),
            polls: AtomicU32::new(0),
            since: Instant::now(),
        }
    }

    /// The job as it is.
    pub(crate) fn job(&self) -> Option<Arc<Job>> {
        self.snapshot.borrow().clone()
    }

    /// How long it is here.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Counts one poll more; gives how many there were, this one included.
    pub(crate) fn poll(&self) -> u32 {
        self.polls.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// How many polls there were.
    pub(crate) fn polls(&self) -> u32 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Watches the job. Register first, then look.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<Job>>> {
        self.snapshot.subscribe()
    }

    /// What it was last shown as.
    pub(super) fn rendered(&self) -> &Slot {
        &self.rendered
    }
}

#[derive(Debug, Default)]
struct Ended {
    order: VecDeque<(Seq, usize)>,
    bytes: usize,
}

/// The table.
#[derive(Debug)]
pub(super) struct JobCache {
    shards: [RwLock<HashMap<Seq, Arc<CachedJob>>>; SHARDS],
    ended: Mutex<Ended>,
    ended_bytes: usize,
    rendered: RenderedCache,
}

impl JobCache {
    /// An empty table that keeps `ended_bytes` of ended jobs.
    pub(super) fn new(ended_bytes: usize) -> Self {
        Self {
            shards: Default::default(),
            ended: Mutex::default(),
            ended_bytes,
            rendered: RenderedCache::default(),
        }
    }

    /// The job in this place, if it is here.
    pub(super) fn get(&self, seq: Seq) -> Option<(Arc<CachedJob>, Arc<Job>)> {
        let live = self.at(seq)?;
        let job = live.job()?;
        Some((live, job))
    }

    /// Keeps what a version of a job was shown as, for the next reader.
    pub(super) fn keep_rendered(
        &self,
        live: &Arc<CachedJob>,
        version: Version,
        variant: &str,
        bytes: &Bytes,
    ) {
        self.rendered.keep(live, version, variant, bytes);
    }

    /// Every job that has not ended, in order of submission.
    pub(super) fn active(&self) -> Vec<(Arc<CachedJob>, Arc<Job>)> {
        let mut active = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let jobs = shard
                .values()
                .filter_map(|live| Some((Arc::clone(live), live.job()?)));
            active.extend(jobs.filter(|(_, job)| !job.is_terminal()));
        }
        active.sort_unstable_by_key(|(_, job)| job.seq);
        active
    }

    /// Looks at every job that has not ended, in no order.
    pub(super) fn look_at_active(&self, mut look: impl FnMut(&Job)) {
        for shard in &self.shards {
            for live in shard.read().values() {
                if let Some(job) = &*live.snapshot.borrow()
                    && !job.is_terminal()
                {
                    look(job);
                }
            }
        }
    }

    /// Takes over what a commit made of a job. Versions that progress gave out meanwhile stay behind.
    pub(super) fn publish(&self, job: &Arc<Job>) {
        if job.delete_requested {
            return self.forget(job.seq);
        }
        match self.at(job.seq) {
            Some(live) => live
                .snapshot
                .send_modify(|snapshot| *snapshot = Some(newer(job, snapshot.as_deref()))),
            None => {
                self.shard(job.seq)
                    .write()
                    .insert(job.seq, Arc::new(CachedJob::new(Arc::clone(job))));
            }
        }
        if job.is_terminal() {
            self.keep_ended(job);
        }
    }

    /// Shows how far an attempt is; gives the version that shows it, or none if the attempt is over.
    pub(super) fn progress(&self, seq: Seq, attempt: u32, progress: &Progress) -> Option<Version> {
        let mut version = None;
        self.at(seq)?.snapshot.send_if_modified(|snapshot| {
            let Some(job) = snapshot
                .as_mut()
                .filter(|job| job.attempt == attempt && is_running(job))
            else {
                return false;
            };
            let job = Arc::make_mut(job);
            job.progress = progress.clone();
            job.version = job.version.next();
            version = Some(job.version);
            true
        });
        version
    }

    /// Takes over when an ended job is due; nobody is woken for it, and no version changes.
    pub(super) fn rearm(&self, seq: Seq, later: IdleMs) {
        let Some(live) = self.at(seq) else { return };
        live.snapshot.send_if_modified(|snapshot| {
            if let Some(job) = snapshot
                && let State::Ended { due, .. } = &mut Arc::make_mut(job).state
            {
                *due = later.max(*due);
            }
            false
        });
    }

    /// Drops a job that is gone; whoever watches it hears so.
    pub(super) fn forget(&self, seq: Seq) {
        if let Some(live) = self.shard(seq).write().remove(&seq) {
            live.snapshot.send_replace(None);
        }
    }

    fn keep_ended(&self, job: &Job) {
        let mut ended = self.ended.lock();
        let weight = job.weight() + ENTRY_BYTES;
        ended.order.push_back((job.seq, weight));
        ended.bytes += weight;
        // Once around at most: those that are watched stay.
        for _ in 0..ended.order.len() {
            if ended.bytes <= self.ended_bytes {
                break;
            }
            let Some((seq, weight)) = ended.order.pop_front() else {
                break;
            };
            let mut shard = self.shard(seq).write();
            if shard
                .get(&seq)
                .is_some_and(|live| live.snapshot.receiver_count() > 0)
            {
                ended.order.push_back((seq, weight));
            } else {
                shard.remove(&seq);
                ended.bytes -= weight;
            }
        }
    }

    fn at(&self, seq: Seq) -> Option<Arc<CachedJob>> {
        self.shard(seq).read().get(&seq).cloned()
    }

    fn shard(&self, seq: Seq) -> &RwLock<HashMap<Seq, Arc<CachedJob>>> {
        &self.shards[seq.0 as usize % SHARDS]
    }
}

fn is_running(job: &Job) -> bool {
    matches!(job.state, State::Running { .. })
}

fn newer(job: &Arc<Job>, shown: Option<&Job>) -> Arc<Job> {
    match shown {
        Some(shown) if shown.version >= job.version => {
            let mut job = Job::clone(job);
            job.version = shown.version.next();
            if job.attempt == shown.attempt && is_running(&job) {
                job.progress = shown.progress.clone();
            }
            Arc::new(job)
        }
        _ => Arc::clone(job),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::job::{JobId, Params, WallMs};

    pub(in crate::engine) fn a_job(seq: i64) -> Job {
        Job {
            seq: Seq(seq),
            id: JobId::new(WallMs(1), Seq(seq), 1),
            token: None,
            operation: "zip".into(),
            params: Params::Inline("{}".into()),
            uploads: Arc::new([]),
            options: Arc::default(),
            callback: None,
            log: None,
            finalizing: false,
            attempt: 0,
            interrupted_attempts: 0,
            version: Version::default(),
            cancel_requested: false,
            delete_requested: false,
            created: WallMs(1),
            state: State::Queued,
            progress: Progress::default(),
        }
    }
}
