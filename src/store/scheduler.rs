//! Decides which job runs next: ready jobs by operation, free slots, limits. In memory only; the writer keeps it in step
//! with the rows and rebuilds it after a rollback.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::OperationLimits;
use crate::job::{Job, Seq, State};

#[derive(Debug)]
pub(super) struct Scheduler {
    slots: usize,
    running: usize,
    waiting: usize,
    queues: HashMap<Arc<str>, OperationQueue>,
}

#[derive(Debug)]
struct OperationQueue {
    limit: usize,
    running: usize,
    ready: BTreeSet<Seq>,
}

impl OperationQueue {
    fn new(limits: &OperationLimits) -> Self {
        Self {
            limit: limits.concurrency.max(1),
            running: 0,
            ready: BTreeSet::new(),
        }
    }

    fn has_room(&self) -> bool {
        self.running < self.limit
    }
}

impl Scheduler {
    pub(super) fn new(operations: &HashMap<Arc<str>, OperationLimits>) -> Self {
        let queues = operations
            .iter()
            .map(|(name, limits)| (Arc::clone(name), OperationQueue::new(limits)))
            .collect();
        Self {
            slots: 0,
            running: 0,
            waiting: 0,
            queues,
        }
    }

    /// Replaces all jobs by these.
    pub(super) fn rebuild<'a>(&mut self, jobs: impl Iterator<Item = &'a Job>) {
        self.running = 0;
        self.waiting = 0;
        for queue in self.queues.values_mut() {
            queue.running = 0;
            queue.ready.clear();
        }
        for job in jobs {
            self.enter(job);
        }
    }

    /// Adds a job in its current state.
    pub(super) fn enter(&mut self, job: &Job) {
        let queue = self.queues.get_mut(&job.operation);
        match job.state {
            State::Queued => {
                self.waiting += 1;
                if let Some(queue) = queue.filter(|_| !job.cancel_requested) {
                    queue.ready.insert(job.seq);
                }
            }
            State::Running { .. } => {
                self.running += 1;
                if let Some(queue) = queue {
                    queue.running += 1;
                }
            }
            State::Ended { .. } => {}
        }
    }

    /// Removes a job in the state in which it was added.
    pub(super) fn leave(&mut self, job: &Job) {
        let queue = self.queues.get_mut(&job.operation);
        match job.state {
            State::Queued => {
                self.waiting -= 1;
                if let Some(queue) = queue {
                    queue.ready.remove(&job.seq);
                }
            }
            State::Running { .. } => {
                self.running -= 1;
                if let Some(queue) = queue {
                    queue.running -= 1;
                }
            }
            State::Ended { .. } => {}
        }
    }

    /// Replaces the limits of operations. Jobs of an operation that is gone are still claimed, one at a time, so that they
    /// fail instead of waiting forever.
    pub(super) fn set_operations(&mut self, operations: &HashMap<Arc<str>, OperationLimits>) {
        for queue in self.queues.values_mut() {
            queue.limit = 1;
        }
        for (name, limits) in operations {
            let queue = self.queues.entry(Arc::clone(name));
            let queue = queue.or_insert_with(|| OperationQueue::new(limits));
            queue.limit = limits.concurrency.max(1);
        }
    }

    /// Sets how many jobs may run at once in total.
    pub(super) fn set_slots(&mut self, slots: usize) {
        self.slots = slots;
    }

    /// The number of queued jobs.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether a new job of `operation` may start at once, because no other job is ahead of it.
    pub(super) fn may_start(&self, operation: &str) -> bool {
        self.running < self.slots
            && self
                .queues
                .get(operation)
                .is_some_and(|queue| queue.has_room() && queue.ready.is_empty())
    }

    /// The oldest ready job that may start now.
    pub(super) fn next(&self) -> Option<Seq> {
        if self.running >= self.slots || self.waiting == 0 {
            return None;
        }
        self.queues
            .values()
            .filter(|queue| queue.has_room())
            .filter_map(|queue| queue.ready.first().copied())
            .min()
    }
}
