//! Runs attempts, each on a thread of its own, as many at once as there are workers; shows their progress; tells the
//! store how they ended. Threads are made when they are needed and go when they were idle for a while.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::config::Limits;
use crate::engine::deadline;
use crate::engine::deadline::Deadline;
use crate::engine::job_cache::JobCache;
use crate::engine::job_feed::JobFeed;
use crate::engine::metrics::JobMetrics;
use crate::engine::progress_throttle::ProgressThrottle;
use crate::engine::workers::Workers;
use crate::failpoints;
use crate::job::{Event, Failure, Job, Progress, Seq};
use crate::operations::{
    Context, ContextResources, Cores, Log, OperationError, Registry, StopReason, StopSignal,
    WaysOut, check_output, discard_output,
};
use crate::plan;
use crate::roots::Roots;
use crate::store::{self, Attempt, Store, WholeBlob};
use crate::vital::{Vital, panic_message};

/// Between two tries to record an end on a disk that has no room for it.
const FULL_DISK_PAUSE: Duration = Duration::from_secs(1);

struct Running {
    token: Option<Arc<str>>,
    operation: Arc<str>,
    attempt: u32,
    signal: Arc<StopSignal>,
    context: Option<Arc<Context>>,
}

pub(super) struct Runner {
    pub(super) registry: Arc<Registry>,
    roots: Arc<Roots>,
    outside: WaysOut,
    pub(super) live: Arc<JobCache>,
    feed: Arc<JobFeed>,
    cores: Arc<Cores>,
    limits: Limits,
    tally: Arc<JobMetrics>,
    vital: Vital,
    /// Where deadlines of attempts are waited for.
    runtime: Handle,
    /// Set once the store is open; nothing is dispatched before.
    store: OnceLock<Arc<Store>>,
    workers: Workers<Arc<Job>>,
    running: Mutex<HashMap<Seq, Running>>,
    /// Of every attempt until it is known how it ended.
    logs: Mutex<HashMap<Seq, Arc<Log>>>,
    /// Jobs without an attempt that are being brought to their end.
    pub(super) concluding: Mutex<HashSet<Seq>>,
    /// How many attempts and conclusions are under way.
    pub(super) under_way: watch::Sender<usize>,
    pace: Arc<ProgressThrottle>,
}

/// What the runner shares with the rest of the engine.
pub(super) struct Around {
    pub(super) registry: Arc<Registry>,
    pub(super) roots: Arc<Roots>,
    pub(super) outside: WaysOut,
    pub(super) live: Arc<JobCache>,
    pub(super) feed: Arc<JobFeed>,
    pub(super) limits: Limits,
    pub(super) tally: Arc<JobMetrics>,
    pub(super) vital: Vital,
}

impl Runner {
    /// Needs a tokio runtime.
    pub(super) fn new(around: Around) -> Arc<Self> {
        Arc::new(Self {
            registry: around.registry,
            roots: around.roots,
            outside: around.outside,
            live: around.live,
            feed: around.feed,
            cores: Arc::default(),
            limits: around.limits,
            tally: around.tally,
            vital: around.vital,
            runtime: Handle::current(),
            store: OnceLock::new(),
            workers: Workers::default(),
            running: Mutex::default(),
            logs: Mutex::default(),
            concluding: Mutex::default(),
            under_way: watch::Sender::new(0),
            pace: Arc::default(),
        })
    }

    /// Where to record how attempts end.
    pub(super) fn set_store(&self, store: Arc<Store>) {
        // There is one store to a runner; a second call would be the same one.
        let _ = self.store.set(store);
    }

    /// Takes note of a job that was claimed.
    pub(super) fn admit(&self, job: &Job) {
        let running = Running {
            token: job.token.clone(),
            operation: Arc::clone(&job.operation),
            attempt: job.attempt,
            signal: Arc::default(),
            context: None,
        };
        self.running.lock().insert(job.seq, running);
        self.logs.lock().insert(job.seq, Arc::default());
        self.under_way.send_modify(|n| *n += 1);
    }

    /// Runs a job that was admitted. Does not block.
    pub(super) fn dispatch(self: &Arc<Self>, job: Arc<Job>) {
        let runner = Arc::clone(self);
        let serve = move || runner.workers.serve(|job| runner.run(&job));
        if let Err(error) = self.workers.hand(job, &self.vital, serve) {
            tracing::error!(%error, "no thread for a job");
        }
    }

    /// Whether an attempt at a job is under way.
    pub(super) fn has_attempt(&self, seq: Seq) -> bool {
        self.running.lock().contains_key(&seq)
    }

    /// Asks a job's attempt to stop, if there is one.
    pub(super) fn stop(&self, seq: Seq) {
        if let Some(running) = self.running.lock().get(&seq) {
            running.signal.raise(StopReason::Canceled);
        }
    }

    /// Gives what runs `patience` to end, then asks it to stop and puts it back into the queue.
    pub(super) async fn drain(&self, timeout: Duration) {
        let mut under_way = self.under_way.subscribe();
        let mut ended = async |timeout| {
            // The sender lives as long as we do.
            tokio::time::timeout(timeout, under_way.wait_for(|n| *n == 0))
                .await
                .is_ok()
        };
        if ended(timeout).await {
            return;
        }
        for running in self.running.lock().values() {
            running.signal.raise(StopReason::Draining);
        }
        if ended(self.stop_time()).await {
            return;
        }
        let left: Vec<_> = self
            .running
            .lock()
            .iter()
            .map(|(seq, running)| (*seq, running.attempt))
            .collect();
        for (seq, attempt) in left {
            self.give_back(seq, attempt).await;
        }
    }

    /// How long the operations may take to stop that run.
    fn stop_time(&self) -> Duration {
        let running = self.running.lock();
        let operations = running.values().map(|running| &running.operation);
        let times =
            operations.filter_map(|name| Some(self.registry.get(name)?.1.description.cancel_grace));
        times.max().unwrap_or_default()
    }

    /// Shows progress whenever there is some. Runs until it is dropped.
    pub(super) async fn show_progress(&self) {
        loop {
            self.pace.progress().await;
            failpoints::panic_point("progress");
            for (seq, running) in self.running.lock().iter() {
                let Some(progress) = running
                    .context
                    .as_ref()
                    .and_then(|context| context.take_progress())
                else {
                    continue;
                };
                if self
                    .live
                    .progress(*seq, running.attempt, &progress)
                    .is_some()
                {
                    self.feed.changed(*seq, running.token.as_deref());
                    self.store().leave_progress(*seq, running.attempt, progress);
                }
            }
            self.pace.pause().await;
        }
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        self.store
            .get()
            .expect("the store is set before it is given slots, and nothing runs without")
    }

    fn run(&self, job: &Job) {
        failpoints::panic_point("worker");
        let began = Instant::now();
        let (event, result) = self.attempt(job);
        // From here on no progress is shown, so the version is the last that anybody saw.
        let running = self.running.lock().remove(&job.seq);
        let shown = self
            .live
            .get(job.seq)
            .map_or(job.version, |(_, shown)| shown.version);
        let progress = running
            .and_then(|running| running.context)
            .map(|context| Progress {
                finalizing: false,
                ..context.progress()
            })
            .unwrap_or_default();
        let written = self.log(job.seq).unwrap_or_default();
        let log = self.store_log(&written);
        let attempt = Attempt {
            number: job.attempt,
            progress,
            version: shown,
            result,
            log,
        };
        let recorded = self.record(job.seq, event, attempt);
        let mut logs = self.logs.lock();
        // Another attempt may have begun.
        if logs
            .get(&job.seq)
            .is_some_and(|log| Arc::ptr_eq(log, &written))
        {
            logs.remove(&job.seq);
        }
        drop(logs);
        // Whoever reads along finds the job as it has ended.
        written.close();
        let duration = began.elapsed();
        let duration_ms = duration.as_millis() as u64;
        match recorded {
            Ok(ended) => {
                if ended.is_terminal() {
                    self.tally.worked(&job.operation, duration);
                }
                tracing::info!(job.id = %job.id, operation = %job.operation, attempt = job.attempt, duration_ms,
                    status = ended.status().as_str(), "attempt over");
            }
            Err(error) => {
                tracing::error!(job.id = %job.id, attempt = job.attempt, duration_ms, %error,
                    "how the attempt ended could not be recorded");
            }
        }
        self.under_way.send_modify(|n| *n -= 1);
    }

    /// Records how an attempt ended. Where the disk is full, a result inside the database is given up; for the end itself
    /// it waits, and for the report of work that is in its place: that stays a success.
    pub(super) fn record(
        &self,
        seq: Seq,
        mut event: Event,
        mut attempt: Attempt,
    ) -> Result<Arc<Job>, store::Error> {
        loop {
            let recorded = self
                .store()
                .record_attempt(seq, event.clone(), attempt.clone());
            if !matches!(recorded, Err(store::Error::StorageFull)) {
                return recorded;
            }
            attempt.log = None;
            let is_placed =
                matches!(&event, Event::Succeed(output) if output.target_path.is_some());
            if !is_placed && attempt.result.take().is_some() {
                let message = "There was no room on the server's disk for the result.";
                event = Event::Fail(Failure::new("storage_full", message));
            } else {
                thread::sleep(FULL_DISK_PAUSE);
            }
        }
    }

    /// What the attempt wrote, for the commit that ends it.
    fn store_log(&self, log: &Log) -> Option<WholeBlob> {
        let log = log.to_vec();
        if log.is_empty() {
            return None;
        }
        let mut blob = self.store().write_blob();
        let written = blob.write_all(&log).and_then(|()| Ok(blob.finish()?));
        written
            .inspect_err(|error| tracing::warn!(%error, "the log of an attempt is not kept"))
            .ok()
    }

    /// The log of the attempt at a job that is under way.
    pub(super) fn log(&self, seq: Seq) -> Option<Arc<Log>> {
        self.logs.lock().get(&seq).cloned()
    }

    pub(super) fn context(&self, job: &Job, params: Arc<str>, signal: Arc<StopSignal>) -> Context {
        Context::new(
            job,
            params,
            ContextResources {
                roots: Arc::new(self.roots.pinned()),
                store: Arc::clone(self.store()),
                cores: Arc::clone(&self.cores),
                outside: Arc::clone(self.outside.of(job.token.as_deref())),
                vital: self.vital.clone(),
                result_bytes: self.limits.result_bytes,
                document_bytes: self.limits.max_document_bytes,
            },
            signal,
            self.log(job.seq).unwrap_or_default(),
            self.pace.sink(),
        )
    }

    fn attempt(&self, job: &Job) -> (Event, Option<WholeBlob>) {
        let Some((_, registered)) = self.registry.get(&job.operation) else {
            return (Event::Fail(plan::unknown_operation(&job.operation)), None);
        };
        let params = match self.store().params(&job.params) {
            Ok(params) => params,
            Err(error) => {
                return (
                    Event::Fail(Failure::new("io_error", error.to_string())),
                    None,
                );
            }
        };
        let (context, signal) = {
            let mut running = self.running.lock();
            let Some(running) = running.get_mut(&job.seq) else {
                return (Event::AttemptCanceled, None);
            };
            let context = Arc::new(self.context(job, params, Arc::clone(&running.signal)));
            running.context = Some(Arc::clone(&context));
            (context, Arc::clone(&running.signal))
        };
        let timeout = registered.description.timeout;
        let _deadline = timeout.map(|timeout| Deadline::start(&self.runtime, timeout, &signal));
        failpoints::failpoint("in-attempt");
        let work = || {
            if let Some(path) = context.output() {
                check_output(&context, path)?;
            }
            let product = registered.operation.run(&context)?;
            product.finalize(&context)
        };
        let ended = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok((output, whole))) => return (Event::Succeed(output), whole),
            Ok(Err(OperationError::Canceled)) => {
                (deadline::stopped(signal.reason(), timeout), None)
            }
            Ok(Err(OperationError::Failed(failure))) => (Event::Fail(failure), None),
            Err(panic) => {
                let message = format!("The operation panicked: {}", panic_message(&*panic));
                tracing::error!(job.id = %job.id, operation = %job.operation, %message, "a job panicked");
                (Event::Fail(Failure::new("panicked", message)), None)
            }
        };
        if let Some(path) = context.output() {
            discard_output(&context, path);
        }
        ended
    }
}
