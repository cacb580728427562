//! Changes of all jobs, for whoever follows them. A follower that is slow misses states in between, never the latest,
//! and holds up nobody.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::caller::Caller;
use crate::job::Seq;

/// Jobs that changed and were not asked for yet; with more the follower is let go.
const WAITING: usize = 10_000;

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<Seq>,
    jobs: HashSet<Seq>,
    overflown: bool,
}

#[derive(Debug)]
struct Mailbox {
    whose: Caller,
    waiting: Mutex<Waiting>,
    news: Notify,
}

/// One who follows.
#[derive(Debug)]
pub(crate) struct Follower(Arc<Mailbox>);

impl Follower {
    /// The next job that has changed since it was last given; none once too many were not asked for.
    pub(crate) async fn next(&self) -> Option<Seq> {
        loop {
            let news = self.0.news.notified();
            {
                let mut waiting = self.0.waiting.lock();
                if waiting.overflown {
                    return None;
                }
                if let Some(seq) = waiting.order.pop_front() {
                    waiting.jobs.remove(&seq);
                    return Some(seq);
                }
            }
            news.await;
        }
    }
}

/// Everyone who follows.
#[derive(Debug, Default)]
pub(super) struct Feed(Mutex<Vec<Weak<Mailbox>>>);

impl Feed {
    pub(super) fn follow(&self, caller: &Caller) -> Follower {
        let mailbox = Arc::new(Mailbox {
            whose: caller.clone(),
            waiting: Mutex::default(),
            news: Notify::new(),
        });
        self.0.lock().push(Arc::downgrade(&mailbox));
        Follower(mailbox)
    }

    /// A job has changed that belongs to the token with this name.
    pub(super) fn changed(&self, seq: Seq, token: Option<&str>) {
        let mut mailboxes = self.0.lock();
        mailboxes.retain(|mailbox| {
            let Some(mailbox) = mailbox.upgrade() else {
                return false;
            };
            if !mailbox.whose.sees_jobs_of(token) {
                return true;
            }
            let mut waiting = mailbox.waiting.lock();
            if waiting.jobs.len() >= WAITING {
                waiting.overflown = true;
            } else if waiting.jobs.insert(seq) {
                waiting.order.push_back(seq);
            }
            mailbox.news.notify_one();
            !waiting.overflown
        });
    }
}
