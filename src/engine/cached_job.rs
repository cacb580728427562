//! One job in memory: its latest snapshot, its rendered form and how often it was polled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::rendered_slot::RenderedSlot;
use crate::job::Job;

/// A job in memory. The snapshot is `None` once the job is deleted.
#[derive(Debug)]
pub(crate) struct CachedJob {
    snapshot: watch::Sender<Option<Arc<Job>>>,
    rendered: RenderedSlot,
    /// The number of polls through the API that reports it.
    polls: AtomicU32,
    /// The time at which the job was loaded into memory.
    since: Instant,
}

impl CachedJob {
    pub(super) fn new(job: Arc<Job>) -> Self {
        Self {
            snapshot: watch::Sender::new(Some(job)),
            rendered: RenderedSlot::default(),
            polls: AtomicU32::new(0),
            since: Instant::now(),
        }
    }

    /// The current state of the job.
    pub(crate) fn job(&self) -> Option<Arc<Job>> {
        self.snapshot.borrow().clone()
    }

    /// How long the job has been in memory.
    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Counts a poll and returns the number of polls, this one included.
    pub(crate) fn poll(&self) -> u32 {
        self.polls.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// The number of polls so far.
    pub(crate) fn polls(&self) -> u32 {
        self.polls.load(Ordering::Relaxed)
    }

    /// Subscribes to changes of the job. To miss none, subscribe before reading the job.
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<Job>>> {
        self.snapshot.subscribe()
    }

    /// The slot of the rendered form.
    pub(super) fn rendered(&self) -> &RenderedSlot {
        &self.rendered
    }

    /// The sender of snapshots, for the job cache.
    pub(super) fn snapshot(&self) -> &watch::Sender<Option<Arc<Job>>> {
        &self.snapshot
    }
}
