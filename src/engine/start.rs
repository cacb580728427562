//! Starts the engine: opens the data, recovers interrupted jobs and begins to run jobs.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};

use crate::config::Config;
use crate::engine::callbacks::Outbox;
use crate::engine::cleanup::Conclusion;
use crate::engine::idle_tracker::IdleTracker;
use crate::engine::input_holds::InputHolds;
use crate::engine::job_cache::JobCache;
use crate::engine::job_feed::{Forgotten, JobFeed};
use crate::engine::metrics::JobMetrics;
use crate::engine::monitor_token::MonitorKey;
use crate::engine::probe::Probe;
use crate::engine::results::OneTimeResults;
use crate::engine::runner::{Runner, RunnerParts};
use crate::engine::sweeper::Sweeper;
use crate::engine::{Engine, StartError, recovery};
use crate::failpoints;
use crate::job::{Event, IdleMs, Job, JobId, Seq, Status};
use crate::operations::{OperationSpec, Registry, WaysOut, command};
use crate::roots::Roots;
use crate::store::{
    self, CommitObserver, Committed, OpenError, OperationLimits, Store, StoreOptions,
    TokensAtStart, Uses,
};
use crate::vital::Vital;

/// Memory for ended jobs that clients may still read, in bytes.
const ENDED_BYTES: usize = 4 << 20;

/// Applies commits to the parts of the engine, on the store's writer thread.
struct EngineObserver {
    live: Arc<JobCache>,
    idle: OnceLock<Arc<IdleTracker>>,
    feed: Arc<JobFeed>,
    ended: Arc<Notify>,
    sources: Arc<InputHolds>,
    /// Notified when a callback is pending.
    callback_due: Arc<Notify>,
    runner: Arc<Runner>,
    tally: Arc<JobMetrics>,
    vital: Vital,
}

impl EngineObserver {
    /// The event for a job that is being deleted, with its last state from memory.
    fn gone(&self, seq: Seq, id: JobId) -> Forgotten {
        let last = self.live.get(seq).map(|(_, job)| job);
        Forgotten { seq, id, last }
    }

    /// Updates the metrics for a change of a job. Must be called before the change is published.
    fn count(&self, job: &Job, was: Option<Status>) {
        if was.is_none() {
            self.tally.submitted(&job.operation);
        }
        let status = job.status();
        if was == Some(status) {
            return;
        }
        self.tally.ended(&job.operation, status);
        if status == Status::Running && job.attempt == 1 {
            let waited = self.live.get(job.seq).map(|(live, _)| live.age());
            self.tally.begun(&job.operation, waited.unwrap_or_default());
        }
    }
}

impl CommitObserver for EngineObserver {
    fn committed(&self, change: Committed) {
        match change {
            Committed::Saved { job, was } => {
                self.count(&job, was);
                // Taken before the change is published: subscribers get the last state that readers saw.
                let delete_requested = job.delete_requested.then(|| self.gone(job.seq, job.id));
                self.live.publish(&job);
                if job.callback_due().is_some() {
                    self.callback_due.notify_one();
                }
                if job.is_terminal() {
                    self.sources.release(job.seq);
                    self.ended.notify_one();
                } else if job.cancel_requested {
                    match job.status() {
                        Status::Queued => self
                            .runner
                            .conclude(Arc::clone(&job), Conclusion::Remove(Event::AttemptCanceled)),
                        _ => self.runner.stop(job.seq),
                    }
                }
                match delete_requested {
                    None => self.feed.changed(job.seq, job.token.as_deref()),
                    Some(gone) if gone.last.is_some() => {
                        self.feed.forgotten(gone, job.token.as_deref());
                    }
                    // The job was deleted for readers before.
                    Some(_) => {}
                }
            }
            Committed::Claimed { job, was } => {
                self.count(&job, was);
                // Admitted first: clients that see the job running must find its log.
                self.runner.admit(&job);
                self.live.publish(&job);
                self.feed.changed(job.seq, job.token.as_deref());
                self.runner.dispatch(job);
            }
            Committed::Forgotten {
                seq,
                id,
                delete_was_requested: was_delete_requested,
                token,
                unended,
            } => {
                let gone = self.gone(seq, id);
                if let Some(operation) = unended {
                    self.tally.deleted(&operation);
                }
                self.live.forget(seq);
                self.sources.release(seq);
                if let Some(idle) = self.idle.get() {
                    idle.forget(seq);
                }
                if !was_delete_requested {
                    self.feed.forgotten(gone, token.as_deref());
                }
            }
        }
    }

    fn uses(&self, most: usize) -> Uses {
        let idle = self.idle.get();
        idle.map(|idle| idle.worth_storing(most))
            .unwrap_or_default()
    }

    fn stored_uses(&self, uses: &[(Seq, IdleMs)]) {
        for (seq, due) in uses {
            self.live.rearm(*seq, *due);
            if let Some(idle) = self.idle.get() {
                idle.written(*seq, *due);
            }
        }
    }

    fn fatal(&self, reason: &str) {
        self.vital.fail(format!("the database failed: {reason}"));
    }
}

impl Engine {
    /// Opens the data, recovers interrupted jobs and begins to run jobs. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] if the data folder or a root cannot be opened, or recovery fails. Nothing runs then.
    pub(crate) async fn start(
        config: &Config,
        registry: Registry,
        tokens: TokensAtStart,
    ) -> Result<Self, StartError> {
        let live = Arc::new(JobCache::new(ENDED_BYTES));
        let registry = Arc::new(registry);
        let vital = Vital::default();
        // Walks exclude the data folder by its identity, so it must exist before the roots are opened.
        store::create_private_dir(&config.data).map_err(|source| OpenError::Io {
            path: config.data.clone(),
            source,
        })?;
        let roots = Roots::open(&config.roots, &config.data)
            .map_err(|(path, source)| StartError::Root { path, source })?;
        let roots = Arc::new(roots);
        let (ended, feed) = (Arc::new(Notify::new()), Arc::new(JobFeed::default()));
        let outside = WaysOut::new(
            config.outbound(),
            &Handle::current(),
            config.limits.upload_bytes,
        );
        let tally = Arc::new(JobMetrics::new(registry.iter().map(|(name, _)| name)));
        let runner = Runner::new(RunnerParts {
            registry: Arc::clone(&registry),
            roots: Arc::clone(&roots),
            outside: outside.clone(),
            live: Arc::clone(&live),
            feed: Arc::clone(&feed),
            limits: config.limits.clone(),
            tally: Arc::clone(&tally),
            vital: vital.clone(),
        });
        let (to_tell, sources) = (Arc::new(Notify::new()), Arc::new(InputHolds::default()));
        let desk = Arc::new(EngineObserver {
            live: Arc::clone(&live),
            idle: OnceLock::new(),
            feed: Arc::clone(&feed),
            ended: Arc::clone(&ended),
            sources: Arc::clone(&sources),
            callback_due: Arc::clone(&to_tell),
            runner: Arc::clone(&runner),
            tally: Arc::clone(&tally),
            vital: vital.clone(),
        });
        let options = options(config, &registry, tokens);
        let timeouts = options
            .operations
            .iter()
            .map(|(name, l)| (Arc::clone(name), l.idle_timeout_ms))
            .collect();
        let (store, found) = Store::open(
            &config.data,
            options,
            Arc::clone(&desk) as Arc<dyn CommitObserver>,
            &vital,
        )?;
        command::clear(&config.data);
        roots.protect(&store::own_files(&config.data));
        let default_timeout_ms = config.idle_timeout.as_millis() as i64;
        let idle = IdleTracker::new(Arc::clone(store.clock()), timeouts, default_timeout_ms);
        let idle = desk.idle.get_or_init(|| Arc::new(idle)).clone();
        runner.set_store(Arc::clone(&store));
        for job in &found.active {
            live.publish(job);
            sources.restore(&store, &idle, job).await?;
        }
        let report = recovery::recover(&store, &runner, &found).await?;
        tracing::info!(
            boot = found.boot,
            in_order = found.in_order,
            waiting = report.waiting,
            requeued = report.requeued,
            failed = report.failed,
            canceled = report.canceled,
            finalizing = report.finalizing,
            "the store is open"
        );
        let sweeper = Arc::new(Sweeper {
            store: Arc::clone(&store),
            idle: Arc::clone(&idle),
            live: Arc::clone(&live),
            ended,
            tally: Arc::clone(&tally),
        });
        let monitor = Arc::new(MonitorKey::new(&found.monitor_key));
        let outbox = Arc::new(Outbox::new(
            Arc::clone(&store),
            Arc::clone(&live),
            Arc::clone(&monitor),
            config.callbacks.clone(),
            to_tell,
            Arc::clone(&tally),
        ));
        let background_tasks = vec![
            vital.task("callbacks", Arc::clone(&outbox).run()),
            vital.task("progress", {
                let runner = Arc::clone(&runner);
                async move { runner.publish_progress().await }
            }),
            vital.task("sweeper", {
                let sweeper = Arc::clone(&sweeper);
                async move { sweeper.run().await }
            }),
            vital.task("idle-clock", tick(Arc::clone(&store))),
        ];
        store.set_slots(config.workers).await?;
        Ok(Self {
            one_time_results: OneTimeResults::new(Arc::clone(&store)),
            input_holds: sources,
            store,
            job_cache: live,
            runner,
            registry,
            probe: Probe::new(&roots),
            roots,
            outbound_access: outside,
            monitor_key: monitor,
            outbox,
            vital,
            idle_tracker: idle,
            sweeper,
            pending_keys: Arc::default(),
            job_feed: feed,
            metrics: tally,
            stopping: watch::Sender::new(false),
            background_tasks,
        })
    }
}

/// Advances the idle clock.
async fn tick(store: Arc<Store>) {
    let mut ticks = tokio::time::interval(store::TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        failpoints::panic_point("idle-clock");
        store.tick();
    }
}

fn options(config: &Config, registry: &Registry, tokens: TokensAtStart) -> StoreOptions {
    let limits = |description: &OperationSpec| OperationLimits {
        concurrency: description.concurrency.unwrap_or(config.workers),
        idle_timeout_ms: description
            .idle_timeout
            .unwrap_or(config.idle_timeout)
            .as_millis() as i64,
    };
    let operations: HashMap<_, _> = registry
        .iter()
        .map(|(name, registered)| (Arc::clone(name), limits(&registered.description)))
        .collect();
    StoreOptions {
        queue: config.limits.max_queued_jobs,
        free_disk_bytes: config.limits.free_disk_bytes,
        database_bytes: config.limits.database_bytes,
        operations,
        default_idle_timeout_ms: config.idle_timeout.as_millis() as i64,
        tokens,
    }
}
