//! Tells whoever asked for it of a job's end: again and again on a schedule, until they say so or it is given up.
//!
//! That somebody is to be told is committed together with the end; so nothing is forgotten by a crash, and a message
//! may arrive twice but never not at all. A message under way delays no job and no other origin's messages ([`Slots`]).

use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout};

use super::callback_slots::{Pace, SLOW_AFTER, Slots};
use super::job_cache::JobCache;
use super::metrics::JobMetrics;
use super::monitor_token::MonitorKey;
use crate::config::Callbacks;
use crate::failpoints;
use crate::job::{Callback, Event, IdleMs, Job, Seq};
use crate::plan;
use crate::store::{DueAt, Error, Store, Wanted};
use crate::vital::{catch_panic, panic_message};

/// Origins looked up at once.
const ORIGINS: usize = 256;
/// After an error of the store.
const PAUSE: Duration = Duration::from_secs(5);

/// A message to be delivered.
#[derive(Debug, Clone)]
pub(crate) struct CallbackRequest {
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
pub(crate) enum DeliveryOutcome {
    /// It was taken.
    Delivered,
    /// It may be taken another time.
    Again {
        /// Why not now.
        error: String,
        /// Not before so long, as they said.
        after: Option<Duration>,
        /// Whether there was no answer before time ran out.
        timed_out: bool,
    },
    /// It never will be.
    Never {
        /// Why.
        error: String,
    },
}

/// A delivery under way.
pub(crate) type Delivering = Pin<Box<dyn Future<Output = DeliveryOutcome> + Send>>;

/// Whoever knows how messages are sent. One attempt; takes no longer than some seconds.
pub(crate) trait CallbackSender: Send + Sync + 'static {
    /// Sends a message.
    fn deliver(&self, message: CallbackRequest) -> Delivering;
}

/// The messages that wait.
pub(super) struct Outbox {
    store: Arc<Store>,
    live: Arc<JobCache>,
    monitor: Arc<MonitorKey>,
    settings: Callbacks,
    messenger: OnceLock<Arc<dyn CallbackSender>>,
    slots: Mutex<Slots>,
    /// A job has ended of which somebody is to be told, or a message is no longer under way.
    news: Arc<Notify>,
    tally: Arc<JobMetrics>,
}

impl Outbox {
    pub(super) fn new(
        store: Arc<Store>,
        live: Arc<JobCache>,
        monitor: Arc<MonitorKey>,
        settings: Callbacks,
        news: Arc<Notify>,
        tally: Arc<JobMetrics>,
    ) -> Self {
        Self {
            store,
            live,
            monitor,
            slots: Mutex::new(Slots::new(settings.per_host)),
            settings,
            messenger: OnceLock::new(),
            news,
            tally,
        }
    }

    /// Says who sends messages; none are sent before.
    pub(super) fn set_messenger(&self, messenger: Arc<dyn CallbackSender>) {
        // There is one way out of a server; a second one would be the same.
        let _ = self.messenger.set(messenger);
        self.news.notify_one();
    }

    /// Sends messages until it is dropped; what is under way is dropped with it, and sent again another time.
    pub(super) async fn run(self: Arc<Self>) {
        let mut sending = JoinSet::new();
        // Where the last round stopped for want of slots: origins take turns.
        let mut turn = None;
        loop {
            let news = self.news.notified();
            failpoints::panic_point("callbacks");
            match self.run_once(&mut sending, &mut turn).await {
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
        turn: &mut Option<Arc<str>>,
    ) -> Result<Option<Duration>, Error> {
        let Some(messenger) = self.messenger.get() else {
            return Ok(None);
        };
        let now = self.store.clock().now();
        let (slow, per_origin) = {
            let slots = self.slots.lock();
            (slots.slow_with_room(), slots.per_origin())
        };
        if !slow.is_empty() {
            let due = self.store.due_at(now, slow, per_origin).await?;
            self.begin(&due, sending, messenger);
        }
        // Once around all origins, from the one after the last that had its turn.
        let begun_after = turn.clone();
        let (mut after, mut is_around) = (begun_after.clone(), begun_after.is_none());
        loop {
            let (free, passed_over) = {
                let slots = self.slots.lock();
                (slots.free(), slots.passed_over())
            };
            if free == 0 {
                break;
            }
            let wanted = Wanted {
                passed_over,
                per_origin,
                due_origins: free,
                origins: ORIGINS,
            };
            let looked = self.store.due_after(now, after, wanted).await?;
            let last = self.begin(&looked.due, sending, messenger);
            *turn = last.or_else(|| looked.last.clone());
            after = match looked.last {
                Some(last) if is_around && begun_after.as_ref().is_some_and(|b| last >= *b) => {
                    break;
                }
                Some(last) => Some(last),
                None if is_around => break,
                None => {
                    is_around = true;
                    None
                }
            };
        }
        // What is due already waits for another message to end, which wakes us.
        let next = self.store.next_callback_due(now).await?;
        Ok(next.map(|due| Duration::from_millis((due.0 - now.0).max(0) as u64 + 20)))
    }

    /// Begins to send what may be sent now, one message of each origin before another one of any; gives the last origin
    /// in order of which one is sent.
    fn begin(
        self: &Arc<Self>,
        due: &[DueAt],
        sending: &mut JoinSet<()>,
        messenger: &Arc<dyn CallbackSender>,
    ) -> Option<Arc<str>> {
        let mut last = None;
        let most = due.iter().map(|one| one.seqs.len()).max().unwrap_or(0);
        for number in 0..most {
            for DueAt { origin, seqs } in due {
                let Some(&seq) = seqs.get(number) else {
                    continue;
                };
                if !self.slots.lock().begin(seq, origin) {
                    continue;
                }
                last = last.max(Some(Arc::clone(origin)));
                let mut slot = Slot {
                    outbox: Arc::clone(self),
                    seq,
                    pace: Pace::Prompt,
                };
                let messenger = Arc::clone(messenger);
                sending.spawn(async move {
                    slot.pace = slot.outbox.attempt(seq, &*messenger).await;
                    drop(slot);
                });
            }
        }
        last
    }

    /// Sends a message, and says so when it becomes slow.
    async fn attempt(&self, seq: Seq, messenger: &dyn CallbackSender) -> Pace {
        let begun = Instant::now();
        let mut sending = pin!(self.send(seq, messenger));
        let sent = if let Ok(sent) = timeout(SLOW_AFTER, &mut sending).await {
            sent
        } else {
            self.slots.lock().has_become_slow(seq);
            self.news.notify_one();
            sending.await
        };
        match sent {
            Ok(Some(DeliveryOutcome::Again {
                timed_out: true, ..
            })) => Pace::Silent,
            Ok(_) if begun.elapsed() < SLOW_AFTER => Pace::Prompt,
            Ok(_) => Pace::Slow,
            Err(error) => {
                tracing::warn!(job.seq = seq.0, %error, "what came of a callback could not be recorded");
                tokio::time::sleep(PAUSE).await;
                Pace::Prompt
            }
        }
    }

    /// Sends a message and records what came of it; none where there is nothing to send any more.
    async fn send(
        &self,
        seq: Seq,
        messenger: &dyn CallbackSender,
    ) -> Result<Option<DeliveryOutcome>, Error> {
        let job = match self.live.get(seq) {
            Some((_, job)) => Some(job),
            None => self.store.job(seq).await?,
        };
        // It may have been deleted, or told, since it was looked up.
        let Some((job, callback, attempts)) = job.and_then(pending) else {
            return Ok(None);
        };
        let params = self.params(&job).await?;
        let message = CallbackRequest {
            monitor: self.monitor.token(job.id),
            params,
            callback,
            job: Arc::clone(&job),
        };
        // What a receiver answers must not end the server: a panic there is one more failed attempt.
        let delivered = catch_panic(async { messenger.deliver(message).await }).await;
        let verdict = delivered.unwrap_or_else(|panic| DeliveryOutcome::Again {
            error: format!("the delivery panicked: {}", panic_message(&*panic)),
            after: None,
            timed_out: false,
        });
        let event = match verdict.clone() {
            DeliveryOutcome::Delivered => Event::CallbackDelivered,
            DeliveryOutcome::Never { error } => Event::CallbackFailed {
                error,
                retry_at: None,
            },
            DeliveryOutcome::Again { error, after, .. } => {
                let random = getrandom::u32().unwrap_or_default();
                let pause = plan::next_callback_attempt(
                    attempts + 1,
                    &self.settings.schedule,
                    after,
                    random,
                );
                let now = self.store.clock().now();
                let again = pause.map(|pause| IdleMs(now.0 + pause.as_millis() as i64));
                Event::CallbackFailed {
                    error,
                    retry_at: again,
                }
            }
        };
        tracing::info!(job.id = %job.id, attempt = attempts + 1, outcome = ?event, "callback");
        failpoints::panic_point("callback-record");
        let tellings = &self.tally.tellings;
        match &event {
            Event::CallbackDelivered => tellings.delivered.count(),
            Event::CallbackFailed {
                retry_at: Some(_), ..
            } => tellings.postponed.count(),
            _ => tellings.failed.count(),
        }
        match self.store.record(seq, event).await {
            // Deleted meanwhile.
            Err(Error::NotFound | Error::Illegal(_)) | Ok(_) => Ok(Some(verdict)),
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
    pace: Pace,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.outbox.slots.lock().end(self.seq, self.pace);
        self.outbox.news.notify_one();
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
    job.callback_due()?;
    let callback = job.options.callback.clone()?;
    let attempts = job.callback.as_ref()?.attempts;
    Some((job, callback, attempts))
}
