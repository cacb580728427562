//! Changes of all jobs, for whoever follows them. A follower that is slow misses states in between, never the latest,
//! and holds up nobody.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::caller::Caller;
use crate::job::{Job, JobId, Seq};

/// Jobs that changed and were not asked for yet; with more the follower is let go.
const WAITING: usize = 10_000;
/// What jobs that are gone and were not asked for yet may weigh, in bytes; with more the follower is let go.
const GONE_BYTES: usize = 4 << 20;

/// What has become of a job.
#[derive(Debug, Clone)]
pub(crate) enum JobEvent {
    /// It is another than before.
    Changed(Seq),
    /// It was forgotten.
    Forgotten(Forgotten),
}

/// A job that is gone.
#[derive(Debug, Clone)]
pub(crate) struct Forgotten {
    pub(crate) seq: Seq,
    pub(crate) id: JobId,
    /// As it last was, if it was in memory.
    pub(crate) last: Option<Arc<Job>>,
}

impl JobEvent {
    fn seq(&self) -> Seq {
        match self {
            Self::Changed(seq) | Self::Forgotten(Forgotten { seq, .. }) => *seq,
        }
    }

    /// The memory that is kept for it alone, in bytes.
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
    /// What the jobs weigh that are gone.
    gone_bytes: usize,
    overflown: bool,
}

#[derive(Debug)]
struct Subscription {
    whose: Caller,
    waiting: Mutex<Waiting>,
    news: Notify,
}

/// One who follows.
#[derive(Debug)]
pub(crate) struct Subscriber(Arc<Subscription>);

impl Subscriber {
    /// What has become of the next job that has changed since it was last given; none once too many were not asked for.
    pub(crate) async fn next(&self) -> Option<JobEvent> {
        loop {
            let news = self.0.news.notified();
            {
                let mut waiting = self.0.waiting.lock();
                if waiting.overflown {
                    return None;
                }
                if let Some(seq) = waiting.order.pop_front() {
                    let news = waiting.jobs.remove(&seq);
                    waiting.gone_bytes -= news.as_ref().map_or(0, JobEvent::weight);
                    return news;
                }
            }
            news.await;
        }
    }
}

/// Everyone who follows.
#[derive(Debug, Default)]
pub(super) struct JobFeed(Mutex<Vec<Weak<Subscription>>>);

impl JobFeed {
    pub(super) fn subscribe(&self, caller: &Caller) -> Subscriber {
        let mailbox = Arc::new(Subscription {
            whose: caller.clone(),
            waiting: Mutex::default(),
            news: Notify::new(),
        });
        self.0.lock().push(Arc::downgrade(&mailbox));
        Subscriber(mailbox)
    }

    /// A job has changed that belongs to the token with this name.
    pub(super) fn changed(&self, seq: Seq, token: Option<&str>) {
        self.publish(&JobEvent::Changed(seq), token);
    }

    /// A job is gone that belonged to the token with this name.
    pub(super) fn forgotten(&self, forgotten: Forgotten, token: Option<&str>) {
        self.publish(&JobEvent::Forgotten(forgotten), token);
    }

    fn publish(&self, news: &JobEvent, token: Option<&str>) {
        let mut mailboxes = self.0.lock();
        mailboxes.retain(|mailbox| {
            let Some(mailbox) = mailbox.upgrade() else {
                return false;
            };
            if !mailbox.whose.sees_jobs_of(token) {
                return true;
            }
            let mut waiting = mailbox.waiting.lock();
            waiting.gone_bytes += news.weight();
            if waiting.jobs.len() >= WAITING || waiting.gone_bytes > GONE_BYTES {
                *waiting = Waiting {
                    overflown: true,
                    ..Waiting::default()
                };
            } else {
                match waiting.jobs.insert(news.seq(), news.clone()) {
                    Some(before) => waiting.gone_bytes -= before.weight(),
                    None => waiting.order.push_back(news.seq()),
                }
            }
            mailbox.news.notify_one();
            !waiting.overflown
        });
    }
}
