//! Starts the engine: opens the data, connects the parts, recovers interrupted jobs and begins to run jobs.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::engine::callbacks::Outbox;
use crate::engine::idle_tracker::{IdleTimeouts, IdleTracker};
use crate::engine::job_cache::JobCache;
use crate::engine::metrics::JobMetrics;
use crate::engine::monitor_token::MonitorKey;
use crate::engine::observer::EngineObserver;
use crate::engine::probe::Probe;
use crate::engine::results::OneTimeResults;
use crate::engine::runner::{Runner, RunnerParts};
use crate::engine::sweeper::Sweeper;
use crate::engine::{Engine, StartError, recovery};
use crate::operations::{OperationSpec, OutboundClients, Registry, SharedRegistry, command};
use crate::roots::Roots;
use crate::store::{
    self, Found, OpenError, Opened, OperationLimits, Store, StoreOptions, TokensAtStart,
};
use crate::vital::Vital;
use crate::{data_dir, failpoints};

/// Memory for ended jobs that clients may still read, in bytes.
const ENDED_BYTES: usize = 4 << 20;

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
        let roots = open_roots(config)?;
        let vital = Vital::default();
        let options = store_options(config, &registry, tokens);
        let idle_timeouts = idle_timeouts(&options.operations, options.default_idle_timeout_ms);
        let Opened {
            store,
            found,
            writer,
        } = Store::open(&config.data, options, &vital)?;
        command::clear(&config.data);
        roots.protect(&store::own_files(&config.data));
        let idle_tracker = IdleTracker::new(Arc::clone(store.clock()), idle_timeouts);
        let mut engine = Self::connect(config, registry, roots, store, &found, idle_tracker, vital);
        writer.start(Arc::new(EngineObserver::new(&engine)))?;
        if let Err(error) = engine.recover(&found, config.workers).await {
            engine.close_store().await;
            return Err(error.into());
        }
        engine.background_tasks = engine.run_background_tasks();
        Ok(engine)
    }

    /// Connects the parts. Nothing runs yet.
    fn connect(
        config: &Config,
        registry: Registry,
        roots: Arc<Roots>,
        store: Arc<Store>,
        found: &Found,
        idle_tracker: IdleTracker,
        vital: Vital,
    ) -> Self {
        let idle_tracker = Arc::new(idle_tracker);
        let job_cache = Arc::new(JobCache::new(ENDED_BYTES));
        let job_feed = Arc::default();
        let metrics = Arc::new(JobMetrics::new(registry.iter().map(|(name, _)| name)));
        let registry = Arc::new(SharedRegistry::new(registry));
        let monitor_key = Arc::new(MonitorKey::new(&found.monitor_key));
        let outbound_access = OutboundClients::new(
            config.outbound(),
            &Handle::current(),
            config.limits.upload_bytes,
        );
        let runner = Runner::new(RunnerParts {
            store: Arc::clone(&store),
            registry: Arc::clone(&registry),
            roots: Arc::clone(&roots),
            outbound_access: outbound_access.clone(),
            job_cache: Arc::clone(&job_cache),
            job_feed: Arc::clone(&job_feed),
            limits: config.limits.clone(),
            metrics: Arc::clone(&metrics),
            vital: vital.clone(),
        });
        let sweeper = Arc::new(Sweeper {
            store: Arc::clone(&store),
            idle_tracker: Arc::clone(&idle_tracker),
            job_cache: Arc::clone(&job_cache),
            job_ended: Arc::default(),
            metrics: Arc::clone(&metrics),
        });
        let outbox = Arc::new(Outbox::new(
            Arc::clone(&store),
            Arc::clone(&job_cache),
            Arc::clone(&monitor_key),
            config.callbacks.clone(),
            Arc::clone(&metrics),
        ));
        Self {
            one_time_results: OneTimeResults::new(Arc::clone(&store)),
            input_holds: Arc::default(),
            store,
            job_cache,
            runner,
            registry,
            probe: Probe::new(&roots),
            roots,
            outbound_access,
            monitor_key,
            outbox,
            vital,
            idle_tracker,
            sweeper,
            pending_keys: Arc::default(),
            job_feed,
            metrics,
            stopping: watch::Sender::new(false),
            background_tasks: Vec::new(),
        }
    }

    /// Loads the jobs that had not ended, recovers those that were interrupted, and then lets `workers` jobs run at once.
    ///
    /// # Errors
    /// An error if the database cannot be read or written.
    async fn recover(&self, found: &Found, workers: usize) -> Result<(), store::Error> {
        for job in &found.active {
            self.job_cache.publish(job);
            self.input_holds
                .restore(&self.store, &self.idle_tracker, job)
                .await?;
        }
        let report = recovery::recover(&self.store, &self.runner, found).await?;
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
        self.store.set_slots(workers).await
    }

    /// Starts the tasks that run until the server stops.
    fn run_background_tasks(&self) -> Vec<JoinHandle<()>> {
        let (runner, sweeper) = (Arc::clone(&self.runner), Arc::clone(&self.sweeper));
        let vital = &self.vital;
        vec![
            vital.task("callbacks", Arc::clone(&self.outbox).run()),
            vital.task("progress", async move { runner.publish_progress().await }),
            vital.task("sweeper", async move { sweeper.run().await }),
            vital.task("idle-clock", tick(Arc::clone(&self.store))),
        ]
    }
}

/// Opens the roots.
///
/// # Errors
/// [`StartError`] if the data folder cannot be created or a root cannot be opened.
fn open_roots(config: &Config) -> Result<Arc<Roots>, StartError> {
    // Walks exclude the data folder by its identity, so it must exist before the roots are opened.
    data_dir::create_private_dir_all(&config.data).map_err(|source| OpenError::Io {
        path: config.data.clone(),
        source,
    })?;
    let roots = Roots::open(&config.roots, &config.data);
    roots
        .map(Arc::new)
        .map_err(|(path, source)| StartError::Root { path, source })
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

/// The idle timeouts of operations with these limits.
pub(super) fn idle_timeouts(
    operations: &HashMap<Arc<str>, OperationLimits>,
    default: i64,
) -> IdleTimeouts {
    let timeouts = operations
        .iter()
        .map(|(name, limits)| (Arc::clone(name), limits.idle_timeout_ms));
    IdleTimeouts {
        by_operation: timeouts.collect(),
        default,
    }
}

/// The store's limits for each operation.
pub(super) fn operation_limits(
    config: &Config,
    registry: &Registry,
) -> HashMap<Arc<str>, OperationLimits> {
    let limits = |description: &OperationSpec| OperationLimits {
        concurrency: description.concurrency.unwrap_or(config.workers),
        idle_timeout_ms: description
            .idle_timeout
            .unwrap_or(config.idle_timeout)
            .as_millis() as i64,
    };
    registry
        .iter()
        .map(|(name, registered)| (Arc::clone(name), limits(&registered.description)))
        .collect()
}

fn store_options(config: &Config, registry: &Registry, tokens: TokensAtStart) -> StoreOptions {
    StoreOptions {
        queue: config.limits.max_queued_jobs,
        free_disk_bytes: config.limits.free_disk_bytes,
        database_bytes: config.limits.database_bytes,
        operations: operation_limits(config, registry),
        default_idle_timeout_ms: config.idle_timeout.as_millis() as i64,
        tokens,
    }
}
