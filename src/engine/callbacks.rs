//! Tells whoever asked for it of a job's end: again and again on a schedule, until they say so or it is given up.
//!
//! That somebody is to be told is committed together with the end; so nothing is forgotten by a crash, and a message
//! may arrive twice but never not at all. A message under way delays no job and no other host's messages.

use std::collections::{HashMap, HashSet};
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};

use super::live::Live;
use super::monitor::Monitor;
use super::tally::Tally;
use crate::config::Callbacks;
use crate::faults;
use crate::job::{Callback, Event, IdleMs, Job, Seq};
use crate::plan;
use crate::store::{Error, Store};
use crate::vital::{catch_panic, panic_message};

/// Messages under way at once, to all hosts together.
const UNDER_WAY: usize = 32;
/// Messages that are due and looked at in one round: of those whose host is busy, others must not wait for more.
const LOOKED_AT: usize = 4096;
/// After an error of the store.
const PAUSE: Duration = Duration::from_secs(5);

/// A message to be delivered.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// What has ended.
    pub job: Arc<Job>,
    /// Its params, as JSON.
    pub params: Arc<str>,
    /// Whom to tell, and how.
    pub callback: Callback,
    /// The job's monitor token.
    pub monitor: String,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was taken.
    Delivered,
    /// It may be taken another time.
    Again {
        /// Why not now.
        error: String,
        /// Not before so long, as they said.
        after: Option<Duration>,
    },
    /// It never will be.
    Never {
        /// Why.
        error: String,
    },
}

/// A delivery under way.
pub(crate) type Delivering = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Whoever knows how messages are sent. One attempt; takes no longer than some seconds.
pub(crate) trait Messenger: Send + Sync + 'static {
    /// Sends a message.
    fn deliver(&self, message: Message) -> Delivering;

    /// The host that a URL is of, as messages to one are counted.
    fn host(&self, url: &str) -> String;
}

#[derive(Debug, Default)]
struct UnderWay {
    jobs: HashSet<Seq>,
    hosts: HashMap<String, usize>,
}

/// The messages that wait.
pub(super) struct Outbox {
    store: Arc<Store>,
    live: Arc<Live>,
    monitor: Arc<Monitor>,
    settings: Callbacks,
    messenger: OnceLock<Arc<dyn Messenger>>,
    under_way: Mutex<UnderWay>,
    /// A job has ended of which somebody is to be told, or a message is no longer under way.
    news: Arc<Notify>,
    tally: Arc<Tally>,
}

impl Outbox {
    pub(super) fn new(
        store: Arc<Store>,
        live: Arc<Live>,
        monitor: Arc<Monitor>,
        settings: Callbacks,
        news: Arc<Notify>,
        tally: Arc<Tally>,
    ) -> Self {
        Self {
            store,
            live,
            monitor,
            settings,
            messenger: OnceLock::new(),
            under_way: Mutex::default(),
            news,
            tally,
        }
    }

    /// Says who sends messages; none are sent before.
    pub(super) fn set_messenger(&self, messenger: Arc<dyn Messenger>) {
        // There is one way out of a server; a second one would be the same.
        let _ = self.messenger.set(messenger);
        self.news.notify_one();
    }

    /// Sends messages until it is dropped; what is under way is dropped with it, and sent again another time.
    pub(super) async fn run(self: Arc<Self>) {
        let mut sending = JoinSet::new();
        loop {
            let news = self.news.notified();
            faults::panic_point("callbacks");
            match self.run_once(&mut sending).await {
                Ok(Some(pause)) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = news => {}
                        Some(sent) = sending.join_next() => check(sent),
                    }
                }
                Ok(None) => tokio::select! {
                    () = news => {}
                    Some(sent) = sending.join_next() => check(sent),
                },
                Err(error) => {
                    tracing::warn!(%error, "callbacks could not be looked up, they will be");
                    tokio::time::sleep(PAUSE).await;
                }
            }
            while let Some(sent) = sending.try_join_next() {
                check(sent);
            }
        }
    }

    /// Begins to send what is due and may be sent; gives the time until more is due, if nothing wakes us before.
    async fn run_once(
        self: &Arc<Self>,
        sending: &mut JoinSet<()>,
    ) -> Result<Option<Duration>, Error> {
        let Some(messenger) = self.messenger.get() else {
            return Ok(None);
        };
        let now = self.store.clock().now();
        for (seq, url) in self.store.deliveries(now, LOOKED_AT).await? {
            let host = messenger.host(&url);
            if let Some(slot) = self.begin(seq, host) {
                let messenger = Arc::clone(messenger);
                sending.spawn(async move {
                    if let Err(error) = slot.outbox.send(seq, &*messenger).await {
                        tracing::warn!(job.seq = seq.0, %error, "what came of a callback could not be recorded");
                        tokio::time::sleep(PAUSE).await;
                    }
                    drop(slot);
                });
            }
        }
        // What is due already waits for another message to end, which wakes us.
        let next = self.store.next_delivery(now).await?;
        Ok(next.map(|due| Duration::from_millis((due.0 - now.0).max(0) as u64 + 20)))
    }

    /// Whether a message may go now; it is under way then.
    fn begin(self: &Arc<Self>, seq: Seq, host: String) -> Option<Slot> {
        let mut under_way = self.under_way.lock();
        let busy = under_way.hosts.get(&host).copied().unwrap_or_default();
        if under_way.jobs.len() >= UNDER_WAY
            || busy >= self.settings.per_host
            || !under_way.jobs.insert(seq)
        {
            return None;
        }
        *under_way.hosts.entry(host.clone()).or_default() += 1;
        Some(Slot {
            outbox: Arc::clone(self),
            seq,
            host,
        })
    }

    fn end(&self, seq: Seq, host: &str) {
        let mut under_way = self.under_way.lock();
        under_way.jobs.remove(&seq);
        if let Some(busy) = under_way.hosts.get_mut(host) {
            *busy -= 1;
            if *busy == 0 {
                under_way.hosts.remove(host);
            }
        }
        self.news.notify_one();
    }

    async fn send(&self, seq: Seq, messenger: &dyn Messenger) -> Result<(), Error> {
        let job = match self.live.get(seq) {
            Some((_, job)) => Some(job),
            None => self.store.job(seq).await?,
        };
        // It may have been deleted, or told, since it was looked up.
        let Some((job, callback, attempts)) = job.and_then(pending) else {
            return Ok(());
        };
        let params = self.params(&job).await?;
        let message = Message {
            monitor: self.monitor.token(job.id),
            params,
            callback,
            job: Arc::clone(&job),
        };
        // What a receiver answers must not end the server: a panic there is one more failed attempt.
        let delivered = catch_panic(async { messenger.deliver(message).await }).await;
        let verdict = delivered.unwrap_or_else(|panic| Verdict::Again {
            error: format!("the delivery panicked: {}", panic_message(&*panic)),
            after: None,
        });
        let event = match verdict {
            Verdict::Delivered => Event::Told,
            Verdict::Never { error } => Event::NotTold { error, again: None },
            Verdict::Again { error, after } => {
                let random = getrandom::u32().unwrap_or_default();
                let pause =
                    plan::next_delivery(attempts + 1, &self.settings.schedule, after, random);
                let now = self.store.clock().now();
                let again = pause.map(|pause| IdleMs(now.0 + pause.as_millis() as i64));
                Event::NotTold { error, again }
            }
        };
        tracing::info!(job.id = %job.id, attempt = attempts + 1, outcome = ?event, "callback");
        faults::panic_point("callback-record");
        let tellings = &self.tally.tellings;
        match &event {
            Event::Told => tellings.delivered.count(),
            Event::NotTold { again: Some(_), .. } => tellings.postponed.count(),
            _ => tellings.failed.count(),
        }
        match self.store.record(seq, event).await {
            // Deleted meanwhile.
            Err(Error::NotFound | Error::Illegal(_)) | Ok(_) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn params(&self, job: &Job) -> Result<Arc<str>, Error> {
        let (store, params) = (Arc::clone(&self.store), job.params.clone());
        let read = tokio::task::spawn_blocking(move || store.params(&params)).await;
        read.map_err(|e| Error::Database(e.to_string()))?
    }
}

/// A message under way. Dropped, it makes room for another one, however it ended.
struct Slot {
    outbox: Arc<Outbox>,
    seq: Seq,
    host: String,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.outbox.end(self.seq, &self.host);
    }
}

/// A panic of the outbox's own is one of the whole outbox.
fn check(sent: Result<(), JoinError>) {
    if let Err(error) = sent
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}

/// Whom to tell of a job, and how often that was tried.
fn pending(job: Arc<Job>) -> Option<(Arc<Job>, Callback, u32)> {
    job.delivery_due()?;
    let callback = job.wishes.callback.clone()?;
    let attempts = job.delivery.as_ref()?.attempts;
    Some((job, callback, attempts))
}
