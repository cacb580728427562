//! The jobs in memory: all that have not ended, and as many ended ones as fit into a fixed number of bytes.
//!
//! Polls are answered from here. A waiting request watches one job and is woken once per change, so waiting costs neither
//! a thread nor a query. Commits of the store and the progress of running attempts update the cache.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::cached_job::CachedJob;
use super::rendered::RenderedCache;
use crate::job::{IdleMs, Job, Progress, Seq, State, Version};

/// Number of shards with a lock each, so that polls rarely contend.
const SHARDS: usize = 16;
/// Memory of an entry besides the job in it, in bytes.
const ENTRY_BYTES: usize = 700;

#[derive(Debug, Default)]
struct Ended {
    order: VecDeque<(Seq, usize)>,
    bytes: usize,
}

/// The cache.
#[derive(Debug)]
pub(super) struct JobCache {
    shards: [RwLock<HashMap<Seq, Arc<CachedJob>>>; SHARDS],
    ended: Mutex<Ended>,
    ended_bytes: usize,
    rendered: RenderedCache,
}

impl JobCache {
    /// Creates an empty cache that keeps up to `ended_bytes` of ended jobs.
    pub(super) fn new(ended_bytes: usize) -> Self {
        Self {
            shards: Default::default(),
            ended: Mutex::default(),
            ended_bytes,
            rendered: RenderedCache::default(),
        }
    }

    /// The job with this sequence number, if it is in memory.
    pub(super) fn get(&self, seq: Seq) -> Option<(Arc<CachedJob>, Arc<Job>)> {
        let cached = self.at(seq)?;
        let job = cached.job()?;
        Some((cached, job))
    }

    /// Caches the rendered form of a version of a job for the next reader.
    pub(super) fn keep_rendered(
        &self,
        cached: &Arc<CachedJob>,
        version: Version,
        variant: &str,
        bytes: &Bytes,
    ) {
        self.rendered.keep(cached, version, variant, bytes);
    }

    /// All jobs that have not ended, in order of submission.
    pub(super) fn active(&self) -> Vec<(Arc<CachedJob>, Arc<Job>)> {
        let mut active = Vec::new();
        for shard in &self.shards {
            let shard = shard.read();
            let jobs = shard
                .values()
                .filter_map(|cached| Some((Arc::clone(cached), cached.job()?)));
            active.extend(jobs.filter(|(_, job)| !job.is_terminal()));
        }
        active.sort_unstable_by_key(|(_, job)| job.seq);
        active
    }

    /// Calls `visit` for every job that has not ended, in no particular order.
    pub(super) fn for_each_active(&self, mut visit: impl FnMut(&Job)) {
        for shard in &self.shards {
            for cached in shard.read().values() {
                if let Some(job) = &*cached.snapshot().borrow()
                    && !job.is_terminal()
                {
                    visit(job);
                }
            }
        }
    }

    /// Publishes a committed job. Its version becomes newer than those that progress has used meanwhile.
    pub(super) fn publish(&self, job: &Arc<Job>) {
        if job.delete_requested {
            return self.forget(job.seq);
        }
        match self.at(job.seq) {
            Some(cached) => cached
                .snapshot()
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

    /// Publishes the progress of an attempt. Returns the job's new version, or `None` if the attempt has ended.
    pub(super) fn progress(&self, seq: Seq, attempt: u32, progress: &Progress) -> Option<Version> {
        let mut version = None;
        self.at(seq)?.snapshot().send_if_modified(|snapshot| {
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

    /// Updates the time at which an ended job is due. Wakes no watchers and keeps the version.
    pub(super) fn rearm(&self, seq: Seq, later: IdleMs) {
        let Some(cached) = self.at(seq) else { return };
        cached.snapshot().send_if_modified(|snapshot| {
            if let Some(job) = snapshot
                && let State::Ended { due, .. } = &mut Arc::make_mut(job).state
            {
                *due = later.max(*due);
            }
            false
        });
    }

    /// Removes a job that is gone and notifies its watchers.
    pub(super) fn forget(&self, seq: Seq) {
        if let Some(cached) = self.shard(seq).write().remove(&seq) {
            cached.snapshot().send_replace(None);
        }
    }

    fn keep_ended(&self, job: &Job) {
        let mut ended = self.ended.lock();
        let weight = job.weight() + ENTRY_BYTES;
        ended.order.push_back((job.seq, weight));
        ended.bytes += weight;
        // At most one pass over all entries: jobs that are watched stay.
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
                .is_some_and(|cached| cached.snapshot().receiver_count() > 0)
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
