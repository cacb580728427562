//! Runs attempts on worker threads, publishes their progress and records how they ended.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
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
use crate::job::{Event, Failure, Job, Progress, Seq, Status};
use crate::operations::{
    Context, ContextResources, Cores, Log, OperationError, OutboundClients, SharedRegistry,
    StopReason, StopSignal, check_output, discard_output,
};
use crate::plan;
use crate::roots::Roots;
use crate::store::{self, Attempt, Store, WholeBlob};
use crate::vital::{Vital, panic_message};

/// Pause between two tries to record the end of a job on a full disk.
const FULL_DISK_PAUSE: Duration = Duration::from_secs(1);

struct Running {
    token: Option<Arc<str>>,
    operation: Arc<str>,
    attempt: u32,
    signal: Arc<StopSignal>,
    context: Option<Arc<Context>>,
}

pub(super) struct Runner {
    pub(super) store: Arc<Store>,
    pub(super) registry: Arc<SharedRegistry>,
    roots: Arc<Roots>,
    outbound_access: OutboundClients,
    pub(super) job_cache: Arc<JobCache>,
    job_feed: Arc<JobFeed>,
    cores: Arc<Cores>,
    /// The limits of attempts to come.
    pub(super) limits: RwLock<Limits>,
    metrics: Arc<JobMetrics>,
    vital: Vital,
    /// The runtime for the timers of deadlines.
    runtime: Handle,
    workers: Workers<Arc<Job>>,
    running: Mutex<HashMap<Seq, Running>>,
    /// The log of every attempt until its end is recorded.
    logs: Mutex<HashMap<Seq, Arc<Log>>>,
    /// Jobs without an attempt that are being cleaned up.
    pub(super) concluding: Mutex<HashSet<Seq>>,
    /// The number of attempts and cleanups under way.
    pub(super) under_way: watch::Sender<usize>,
    progress_throttle: Arc<ProgressThrottle>,
}

/// The parts that the runner shares with the rest of the engine.
pub(super) struct RunnerParts {
    pub(super) store: Arc<Store>,
    pub(super) registry: Arc<SharedRegistry>,
    pub(super) roots: Arc<Roots>,
    pub(super) outbound_access: OutboundClients,
    pub(super) job_cache: Arc<JobCache>,
    pub(super) job_feed: Arc<JobFeed>,
    pub(super) limits: Limits,
    pub(super) metrics: Arc<JobMetrics>,
    pub(super) vital: Vital,
}

impl Runner {
    /// Creates a runner. Must be called within a tokio runtime.
    pub(super) fn new(parts: RunnerParts) -> Arc<Self> {
        Arc::new(Self {
            store: parts.store,
            registry: parts.registry,
            roots: parts.roots,
            outbound_access: parts.outbound_access,
            job_cache: parts.job_cache,
            job_feed: parts.job_feed,
            cores: Arc::default(),
            limits: RwLock::new(parts.limits),
            metrics: parts.metrics,
            vital: parts.vital,
            runtime: Handle::current(),
            workers: Workers::default(),
            running: Mutex::default(),
            logs: Mutex::default(),
            concluding: Mutex::default(),
            under_way: watch::Sender::new(0),
            progress_throttle: Arc::default(),
        })
    }

    /// Registers the attempt at a job that was claimed.
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
            tracing::error!(%error, "cannot start a worker thread; the job waits for a running one");
        }
    }

    /// Whether an attempt at the job is under way.
    pub(super) fn has_attempt(&self, seq: Seq) -> bool {
        self.running.lock().contains_key(&seq)
    }

    /// Asks the attempt at a job to stop, if there is one.
    pub(super) fn stop(&self, seq: Seq) {
        if let Some(running) = self.running.lock().get(&seq) {
            running.signal.raise(StopReason::Canceled);
        }
    }

    /// Gives running attempts `timeout` to end, then asks them to stop and requeues those that do not.
    pub(super) async fn drain(&self, timeout: Duration) {
        let mut under_way = self.under_way.subscribe();
        let mut ended = async |timeout| {
            // An error would mean that the sender is gone, but `self` owns it.
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
        if ended(self.cancel_grace()).await {
            return;
        }
        let still_running: Vec<_> = self
            .running
            .lock()
            .iter()
            .map(|(seq, running)| (*seq, running.attempt))
            .collect();
        for (seq, attempt) in still_running {
            self.requeue_drained(seq, attempt).await;
        }
    }

    /// The longest cancel grace of the operations that are running.
    fn cancel_grace(&self) -> Duration {
        let running = self.running.lock();
        let operations = running.values().map(|running| &running.operation);
        let graces =
            operations.filter_map(|name| Some(self.registry.get(name)?.1.description.cancel_grace));
        graces.max().unwrap_or_default()
    }

    /// Publishes the progress of attempts. Runs until the future is dropped.
    pub(super) async fn publish_progress(&self) {
        loop {
            self.progress_throttle.progress().await;
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
                    .job_cache
                    .progress(*seq, running.attempt, &progress)
                    .is_some()
                {
                    self.job_feed.changed(*seq, running.token.as_deref());
                    self.store.leave_progress(*seq, running.attempt, progress);
                }
            }
            self.progress_throttle.pause().await;
        }
    }

    fn run(&self, job: &Job) {
        failpoints::panic_point("worker");
        let began = Instant::now();
        let (event, result) = self.attempt(job);
        // No progress is published from here on, so this version is the last that clients saw.
        let running = self.running.lock().remove(&job.seq);
        let shown = self
            .job_cache
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
        // The next attempt at the job may have begun, with a log of its own.
        if logs
            .get(&job.seq)
            .is_some_and(|log| Arc::ptr_eq(log, &written))
        {
            logs.remove(&job.seq);
        }
        drop(logs);
        // Closed last: clients that follow the log find the job ended.
        written.close();
        let duration = began.elapsed();
        let duration_ms = duration.as_millis() as u64;
        match recorded {
            Ok(ended) => {
                if ended.is_terminal() {
                    self.metrics.worked(&job.operation, duration);
                }
                // A failed job has a line of its own.
                if ended.status() != Status::Failed {
                    tracing::info!(job.id = %job.id, operation = %job.operation, attempt = job.attempt, duration_ms,
                        status = ended.status().as_str(), "attempt ended");
                }
            }
            Err(error) => {
                tracing::error!(job.id = %job.id, attempt = job.attempt, duration_ms, %error,
                    "cannot record how the attempt ended");
            }
        }
        self.under_way.send_modify(|n| *n -= 1);
    }

    /// Records how an attempt ended.
    ///
    /// On a full disk a result for the database is given up and the job fails. The end itself is retried until there is
    /// room, and so is the success of a job whose output file is finalized.
    ///
    /// # Errors
    /// Any error of the store but [`store::Error::StorageFull`].
    pub(super) fn record(
        &self,
        seq: Seq,
        mut event: Event,
        mut attempt: Attempt,
    ) -> Result<Arc<Job>, store::Error> {
        loop {
            let recorded = self
                .store
                .record_attempt(seq, event.clone(), attempt.clone());
            if !matches!(recorded, Err(store::Error::StorageFull)) {
                return recorded;
            }
            attempt.log = None;
            let is_finalized =
                matches!(&event, Event::Succeed(output) if output.target_path.is_some());
            if !is_finalized && attempt.result.take().is_some() {
                let message = "There was no room on the server's disk for the result.";
                event = Event::Fail(Failure::new("storage_full", message));
            } else {
                thread::sleep(FULL_DISK_PAUSE);
            }
        }
    }

    /// Stores the log of an attempt, for the commit that records its end. `None` if it is empty or cannot be written.
    fn store_log(&self, log: &Log) -> Option<WholeBlob> {
        let log = log.to_vec();
        if log.is_empty() {
            return None;
        }
        let mut blob = self.store.write_blob();
        let written = blob.write_all(&log).and_then(|()| Ok(blob.finish()?));
        written
            .inspect_err(|error| tracing::warn!(%error, "cannot store the log of an attempt"))
            .ok()
    }

    /// The log of the attempt under way at a job.
    pub(super) fn log(&self, seq: Seq) -> Option<Arc<Log>> {
        self.logs.lock().get(&seq).cloned()
    }

    pub(super) fn context(&self, job: &Job, params: Arc<str>, signal: Arc<StopSignal>) -> Context {
        let limits = self.limits.read();
        Context::new(
            job,
            params,
            ContextResources {
                roots: Arc::new(self.roots.pinned()),
                store: Arc::clone(&self.store),
                cores: Arc::clone(&self.cores),
                outbound: self.outbound_access.of(job.token.as_deref()),
                vital: self.vital.clone(),
                result_bytes: limits.result_bytes,
                document_bytes: limits.max_document_bytes,
                document_memory: limits.document_memory,
            },
            signal,
            self.log(job.seq).unwrap_or_default(),
            self.progress_throttle.sink(),
        )
    }

    fn attempt(&self, job: &Job) -> (Event, Option<WholeBlob>) {
        let Some((_, registered)) = self.registry.get(&job.operation) else {
            return (Event::Fail(plan::unknown_operation(&job.operation)), None);
        };
        let params = match self.store.params(&job.params) {
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
            // For operations that use tokio.
            let _runtime = self.runtime.enter();
            if let Some(path) = context.output() {
                check_output(&context, path)?;
            }
            let output = registered.operation.run(&context)?;
            output.finalize(&context)
        };
        let ended = match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok((output, whole))) => return (Event::Succeed(output), whole),
            Ok(Err(OperationError::Canceled)) => {
                (deadline::event_of_stopped(signal.reason(), timeout), None)
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
