//! Sends the callbacks of ended jobs, and retries each on a schedule until it is delivered or given up.
//!
//! A pending callback is committed together with the end of its job, so a crash loses none: a callback may arrive twice,
//! but is never lost. A slow receiver delays neither jobs nor the callbacks of other origins ([`Slots`]).

use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
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

/// Maximum number of origins in one lookup.
const MAX_ORIGINS: usize = 256;
/// Pause after an error of the store.
const ERROR_PAUSE: Duration = Duration::from_secs(5);

/// A callback to be delivered.
#[derive(Debug, Clone)]
pub(crate) struct CallbackRequest {
    /// The job that has ended.
    pub job: Arc<Job>,
    /// The job's params, as JSON.
    pub params: Arc<str>,
    /// The address and the form of the callback.
    pub callback: Callback,
    /// The job's monitor token.
    pub monitor_token: String,
}

/// The outcome of one attempt at a callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeliveryOutcome {
    /// The receiver accepted the callback.
    Delivered,
    /// The attempt failed, and another one may succeed.
    Again {
        /// Why the attempt failed.
        error: String,
        /// The minimum delay before the next attempt, as requested by the receiver.
        after: Option<Duration>,
        /// Whether the attempt timed out without an answer.
        timed_out: bool,
    },
    /// The attempt failed for good.
    Never {
        /// Why the attempt failed.
        error: String,
    },
}

/// The future of one delivery.
pub(crate) type Delivering = Pin<Box<dyn Future<Output = DeliveryOutcome> + Send>>;

/// Sends callbacks.
pub(crate) trait CallbackSender: Send + Sync + 'static {
    /// Makes one attempt, which must end within a few seconds.
    fn deliver(&self, request: CallbackRequest) -> Delivering;
}

/// The queue of pending callbacks.
pub(super) struct Outbox {
    store: Arc<Store>,
    job_cache: Arc<JobCache>,
    monitor_key: Arc<MonitorKey>,
    settings: RwLock<Callbacks>,
    sender: OnceLock<Arc<dyn CallbackSender>>,
    slots: Mutex<Slots>,
    /// Notified when a job with a callback has ended, and when an attempt has ended or become slow.
    wake_up: Notify,
    metrics: Arc<JobMetrics>,
}

impl Outbox {
    pub(super) fn new(
        store: Arc<Store>,
        job_cache: Arc<JobCache>,
        monitor_key: Arc<MonitorKey>,
        settings: Callbacks,
        metrics: Arc<JobMetrics>,
    ) -> Self {
        Self {
            store,
            job_cache,
            monitor_key,
            slots: Mutex::new(Slots::new(settings.per_host)),
            settings: RwLock::new(settings),
            sender: OnceLock::new(),
            wake_up: Notify::new(),
            metrics,
        }
    }

    /// Replaces the settings, for attempts from now on.
    pub(super) fn set_settings(&self, settings: Callbacks) {
        self.slots.lock().set_per_host(settings.per_host);
        *self.settings.write() = settings;
        self.wake_up();
    }

    /// Looks for pending callbacks again.
    pub(super) fn wake_up(&self) {
        self.wake_up.notify_one();
    }

    /// Sets the sender. No callbacks are sent before.
    pub(super) fn set_sender(&self, sender: Arc<dyn CallbackSender>) {
        // A server has one sender; a second call would set the same one.
        let _ = self.sender.set(sender);
        self.wake_up.notify_one();
    }

    /// Sends callbacks until the future is dropped. Attempts under way are dropped with it and made again after the next
    /// start.
    pub(super) async fn run(self: Arc<Self>) {
        let mut sending = JoinSet::new();
        // The origin at which the last round ran out of slots. The next round starts after it, so that all get their turn.
        let mut last_served = None;
        loop {
            let wake_up = self.wake_up.notified();
            failpoints::panic_point("callbacks");
            match self.run_once(&mut sending, &mut last_served).await {
                Ok(Some(pause)) => {
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = wake_up => {}
                        Some(sent) = sending.join_next() => check(sent),
                    }
                }
                Ok(None) => tokio::select! {
                    () = wake_up => {}
                    Some(sent) = sending.join_next() => check(sent),
                },
                Err(error) => {
                    tracing::warn!(%error, "cannot look up pending callbacks; trying again in {} s", ERROR_PAUSE.as_secs());
                    tokio::time::sleep(ERROR_PAUSE).await;
                }
            }
            while let Some(sent) = sending.try_join_next() {
                check(sent);
            }
        }
    }

    /// Starts the attempts that are due and for which there are slots. Returns the time until the next one is due.
    async fn run_once(
        self: &Arc<Self>,
        sending: &mut JoinSet<()>,
        last_served: &mut Option<Arc<str>>,
    ) -> Result<Option<Duration>, Error> {
        let Some(sender) = self.sender.get() else {
            return Ok(None);
        };
        let now = self.store.clock().now();
        let (slow, per_origin) = {
            let slots = self.slots.lock();
            (slots.slow_with_room(), slots.per_origin())
        };
        if !slow.is_empty() {
            let due = self.store.due_at(now, slow, per_origin).await?;
            self.begin(&due, sending, sender);
        }
        // One round over all origins in order, from the one after `last_served` to the end, then from the start.
        let begun_after = last_served.clone();
        let (mut after, mut has_wrapped) = (begun_after.clone(), begun_after.is_none());
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
                origins: MAX_ORIGINS,
            };
            let found = self.store.due_after(now, after, wanted).await?;
            let last = self.begin(&found.due, sending, sender);
            *last_served = last.or_else(|| found.last.clone());
            after = match found.last {
                Some(last) if has_wrapped && begun_after.as_ref().is_some_and(|b| last >= *b) => {
                    break;
                }
                Some(last) => Some(last),
                None if has_wrapped => break,
                None => {
                    has_wrapped = true;
                    None
                }
            };
        }
        // Callbacks that are due already wait for a slot; the end of another attempt wakes this task.
        let next = self.store.next_callback_due(now).await?;
        Ok(next.map(|due| Duration::from_millis((due.0 - now.0).max(0) as u64 + 20)))
    }

    /// Starts attempts for which there are slots: one at each origin before a second one at any. Returns the last origin
    /// in order at which an attempt was started.
    fn begin(
        self: &Arc<Self>,
        due: &[DueAt],
        sending: &mut JoinSet<()>,
        sender: &Arc<dyn CallbackSender>,
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
                let sender = Arc::clone(sender);
                sending.spawn(async move {
                    slot.pace = slot.outbox.attempt(seq, &*sender).await;
                    drop(slot);
                });
            }
        }
        last
    }

    /// Makes an attempt, and moves it to a slow slot when it takes long.
    async fn attempt(&self, seq: Seq, sender: &dyn CallbackSender) -> Pace {
        let begun = Instant::now();
        let mut sending = pin!(self.send(seq, sender));
        let sent = if let Ok(sent) = timeout(SLOW_AFTER, &mut sending).await {
            sent
        } else {
            self.slots.lock().has_become_slow(seq);
            self.wake_up.notify_one();
            sending.await
        };
        match sent {
            Ok(Some(DeliveryOutcome::Again {
                timed_out: true, ..
            })) => Pace::Silent,
            Ok(_) if begun.elapsed() < SLOW_AFTER => Pace::Prompt,
            Ok(_) => Pace::Slow,
            Err(error) => {
                tracing::warn!(job.seq = seq.0, %error, "cannot record the outcome of a callback");
                tokio::time::sleep(ERROR_PAUSE).await;
                Pace::Prompt
            }
        }
    }

    /// Makes an attempt and records its outcome. Returns `None` if the callback is no longer pending.
    async fn send(
        &self,
        seq: Seq,
        sender: &dyn CallbackSender,
    ) -> Result<Option<DeliveryOutcome>, Error> {
        let job = match self.job_cache.get(seq) {
            Some((_, job)) => Some(job),
            None => self.store.job(seq).await?,
        };
        // The job may have been deleted, or its callback delivered, since the lookup.
        let Some((job, callback, attempts)) = job.and_then(pending) else {
            return Ok(None);
        };
        let params = self.params(&job).await?;
        let request = CallbackRequest {
            monitor_token: self.monitor_key.token(job.id),
            params,
            callback,
            job: Arc::clone(&job),
        };
        // A receiver's answer must not end the server: a panic in the sender counts as a failed attempt.
        let delivered = catch_panic(async { sender.deliver(request).await }).await;
        let outcome = delivered.unwrap_or_else(|panic| DeliveryOutcome::Again {
            error: format!("the delivery panicked: {}", panic_message(&*panic)),
            after: None,
            timed_out: false,
        });
        let event = match outcome.clone() {
            DeliveryOutcome::Delivered => Event::CallbackDelivered,
            DeliveryOutcome::Never { error } => Event::CallbackFailed {
                error,
                retry_at: None,
            },
            DeliveryOutcome::Again { error, after, .. } => {
                let random = getrandom::u32().unwrap_or_default();
                let pause = plan::next_callback_attempt(
                    attempts + 1,
                    &self.settings.read().schedule,
                    after,
                    random,
                );
                let now = self.store.clock().now();
                let retry_at = pause.map(|pause| IdleMs(now.0 + pause.as_millis() as i64));
                Event::CallbackFailed { error, retry_at }
            }
        };
        tracing::info!(job.id = %job.id, attempt = attempts + 1, outcome = ?event, "callback");
        failpoints::panic_point("callback-record");
        let metrics = &self.metrics.callbacks;
        match &event {
            Event::CallbackDelivered => metrics.delivered.count(),
            Event::CallbackFailed {
                retry_at: Some(_), ..
            } => metrics.postponed.count(),
            _ => metrics.failed.count(),
        }
        match self.store.record(seq, event).await {
            // `NotFound` and `Illegal`: the job was deleted during the attempt.
            Err(Error::NotFound | Error::Illegal(_)) | Ok(_) => Ok(Some(outcome)),
            Err(error) => Err(error),
        }
    }

    async fn params(&self, job: &Job) -> Result<Arc<str>, Error> {
        let (store, params) = (Arc::clone(&self.store), job.params.clone());
        tokio::task::spawn_blocking(move || store.params(&params)).await?
    }
}

/// The slot of an attempt under way. Dropping it frees the slot, however the attempt ended.
struct Slot {
    outbox: Arc<Outbox>,
    seq: Seq,
    pace: Pace,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.outbox.slots.lock().end(self.seq, self.pace);
        self.outbox.wake_up.notify_one();
    }
}

/// Propagates a panic of an attempt's task: panics of the sender are caught there, so this one is a bug of the outbox.
fn check(sent: Result<(), JoinError>) {
    if let Err(error) = sent
        && let Ok(panic) = error.try_into_panic()
    {
        resume_unwind(panic);
    }
}

/// The pending callback of a job and the number of attempts so far.
fn pending(job: Arc<Job>) -> Option<(Arc<Job>, Callback, u32)> {
    job.callback_due()?;
    let callback = job.options.callback.clone()?;
    let attempts = job.callback.as_ref()?.attempts;
    Some((job, callback, attempts))
}
