//! One job in memory: its latest snapshot, its rendered form and how often it was polled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::rendered_slot::RenderedSlot;
use crate::job::Job;

/// One job in memory. The snapshot is none once the job was forgotten.
#[derive(Debug)]
pub(crate) struct CachedJob {
    snapshot: watch::Sender<Option<Arc<Job>>>,
    rendered: RenderedSlot,
    /// How often it was asked for by those who are told so.
    polls: AtomicU32,
    /// When it came here.
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
    pub(super) fn rendered(&self) -> &RenderedSlot {
        &self.rendered
    }

    /// The sender of snapshots, for the table that this job is in.
    pub(super) fn snapshot(&self) -> &watch::Sender<Option<Arc<Job>>> {
        &self.snapshot
    }
}
