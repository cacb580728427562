//! The feed of job changes for subscribers. A slow subscriber misses states in between, never the latest, and delays no
//! other part of the engine.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::caller::Caller;
use crate::job::{Job, JobId, Seq};

/// Maximum number of changed jobs in a subscription. Beyond it the subscription ends.
const MAX_WAITING: usize = 10_000;
/// Maximum memory for deleted jobs in a subscription, in bytes. Beyond it the subscription ends.
const GONE_BYTES: usize = 4 << 20;

/// A change of a job.
#[derive(Debug, Clone)]
pub(crate) enum JobEvent {
    /// The job has changed.
    Changed(Seq),
    /// The job was deleted or has expired.
    Forgotten(Forgotten),
}

/// A job that was deleted or has expired.
#[derive(Debug, Clone)]
pub(crate) struct Forgotten {
    pub(crate) seq: Seq,
    pub(crate) id: JobId,
    /// The last state of the job, if it was in memory.
    pub(crate) last: Option<Arc<Job>>,
}

impl JobEvent {
    fn seq(&self) -> Seq {
        match self {
            Self::Changed(seq) | Self::Forgotten(Forgotten { seq, .. }) => *seq,
        }
    }

    /// The memory that this event keeps alive, in bytes.
    fn weight(&self) -> usize {
        match self {
            Self::Forgotten(Forgotten { last, .. }) => last.as_ref().map_or(0, |job| job.weight()),
            Self::Changed(_) => 0,
        }
    }
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<Seq>,
    jobs: HashMap<Seq, JobEvent>,
    /// The memory of the deleted jobs, in bytes.
    gone_bytes: usize,
    has_overflowed: bool,
}

#[derive(Debug)]
struct Subscription {
    caller: Caller,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

/// The receiving end of a subscription.
#[derive(Debug)]
pub(crate) struct Subscriber(Arc<Subscription>);

impl Subscriber {
    /// Waits for the next changed job. Returns `None` if the subscription has ended because the subscriber was too slow.
    pub(crate) async fn next(&self) -> Option<JobEvent> {
        loop {
            let changed = self.0.changed.notified();
            {
                let mut waiting = self.0.waiting.lock();
                if waiting.has_overflowed {
                    return None;
                }
                if let Some(seq) = waiting.order.pop_front() {
                    let event = waiting.jobs.remove(&seq);
                    waiting.gone_bytes -= event.as_ref().map_or(0, JobEvent::weight);
                    return event;
                }
            }
            changed.await;
        }
    }
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct JobFeed(Mutex<Vec<Weak<Subscription>>>);

impl JobFeed {
    pub(super) fn subscribe(&self, caller: &Caller) -> Subscriber {
        let subscription = Arc::new(Subscription {
            caller: caller.clone(),
            waiting: Mutex::default(),
            changed: Notify::new(),
        });
        self.0.lock().push(Arc::downgrade(&subscription));
        Subscriber(subscription)
    }

    /// Publishes a change of a job that belongs to the token with this name.
    pub(super) fn changed(&self, seq: Seq, token: Option<&str>) {
        self.publish(&JobEvent::Changed(seq), token);
    }

    /// Publishes the deletion of a job that belonged to the token with this name.
    pub(super) fn forgotten(&self, forgotten: Forgotten, token: Option<&str>) {
        self.publish(&JobEvent::Forgotten(forgotten), token);
    }

    fn publish(&self, event: &JobEvent, token: Option<&str>) {
        let mut subscriptions = self.0.lock();
        subscriptions.retain(|subscription| {
            let Some(subscription) = subscription.upgrade() else {
                return false;
            };
            if !subscription.caller.sees_jobs_of(token) {
                return true;
            }
            let mut waiting = subscription.waiting.lock();
            waiting.gone_bytes += event.weight();
            if waiting.jobs.len() >= MAX_WAITING || waiting.gone_bytes > GONE_BYTES {
                *waiting = Waiting {
                    has_overflowed: true,
                    ..Waiting::default()
                };
            } else {
                match waiting.jobs.insert(event.seq(), event.clone()) {
                    Some(before) => waiting.gone_bytes -= before.weight(),
                    None => waiting.order.push_back(event.seq()),
                }
            }
            subscription.changed.notify_one();
            !waiting.has_overflowed
        });
    }
}
