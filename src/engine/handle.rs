//! The life of jobs: submit, look, wait, cancel, delete, stop in order.
//!
//! Puts the store, the live table and the runner together. Knows no HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::engine::callbacks::{CallbackSender, Outbox};
use crate::engine::idle_tracker::{Hold, IdleTracker};
use crate::engine::input_holds::InputHolds;
use crate::engine::job_cache::JobCache;
use crate::engine::job_feed::JobFeed;
use crate::engine::metrics::{ActiveJobs, JobMetrics};
use crate::engine::monitor_token::MonitorKey;
use crate::engine::pending_keys::PendingKeys;
use crate::engine::probe::Probe;
use crate::engine::results::OneTimeResults;
use crate::engine::runner::Runner;
use crate::engine::sweeper::Sweeper;
use crate::job::{Job, Status};
use crate::operations::{Registry, WaysOut};
use crate::roots::Roots;
use crate::store::Store;
use crate::vital::Vital;

/// A running engine.
pub(crate) struct Engine {
    pub(in crate::engine) store: Arc<Store>,
    pub(in crate::engine) job_cache: Arc<JobCache>,
    pub(in crate::engine) runner: Arc<Runner>,
    pub(in crate::engine) registry: Arc<Registry>,
    pub(in crate::engine) roots: Arc<Roots>,
    pub(in crate::engine) probe: Probe,
    pub(in crate::engine) outbound_access: WaysOut,
    pub(in crate::engine) monitor_key: Arc<MonitorKey>,
    pub(in crate::engine) vital: Vital,
    pub(in crate::engine) idle_tracker: Arc<IdleTracker>,
    pub(in crate::engine) sweeper: Arc<Sweeper>,
    pub(in crate::engine) pending_keys: Arc<PendingKeys>,
    pub(in crate::engine) one_time_results: Arc<OneTimeResults>,
    pub(in crate::engine) input_holds: Arc<InputHolds>,
    pub(in crate::engine) outbox: Arc<Outbox>,
    pub(in crate::engine) job_feed: Arc<JobFeed>,
    pub(in crate::engine) metrics: Arc<JobMetrics>,
    /// True once the server stops: nobody waits any longer.
    pub(in crate::engine) stopping: watch::Sender<bool>,
    pub(in crate::engine) background_tasks: Vec<JoinHandle<()>>,
}

impl Engine {
    /// Where the jobs are.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The operations on offer.
    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Keeps an ended job from expiry.
    pub(crate) fn hold(&self, job: &Job) -> Option<Hold> {
        self.idle_tracker.hold(job)
    }

    /// Whether the server stops.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Ends when the server stops.
    pub(crate) async fn stopping(&self) {
        // The sender lives as long as we do.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// What was counted so far.
    pub(crate) fn metrics(&self) -> &Arc<JobMetrics> {
        &self.metrics
    }

    /// The jobs that have not ended, by operation: every one on offer.
    pub(crate) fn active_by_operation(&self) -> BTreeMap<Arc<str>, ActiveJobs> {
        let names = self.metrics.operations.keys();
        let mut active: BTreeMap<_, _> = names
            .map(|name| (Arc::clone(name), ActiveJobs::default()))
            .collect();
        self.job_cache.look_at_active(|job| {
            if let Some(active) = active.get_mut(&job.operation) {
                match job.status() {
                    Status::Queued => active.queued += 1,
                    _ => active.running += 1,
                }
            }
        });
        active
    }

    /// Why a root cannot be used now, as a sentence; none if all can.
    pub(crate) async fn root_trouble(&self) -> Option<String> {
        self.probe.trouble().await
    }

    /// What the server cannot do without; its failure means that it is time to end the process.
    pub(crate) fn vital(&self) -> &Vital {
        &self.vital
    }

    /// Says who tells of the ends of jobs; nobody is told before.
    pub(crate) fn set_callback_sender(&self, messenger: Arc<dyn CallbackSender>) {
        self.outbox.set_messenger(messenger);
    }

    /// The ways to other servers.
    pub(crate) fn outbound_access(&self) -> &WaysOut {
        &self.outbound_access
    }

    /// Lets nobody wait any longer: whoever does is answered with the job as it is.
    pub(crate) fn end_waits(&self) {
        self.stopping.send_replace(true);
    }

    /// Stops in order: nothing more is claimed, what runs gets `patience`, what is left goes back to the queue.
    pub(crate) async fn drain(&self, timeout: Duration) {
        self.end_waits();
        if let Err(error) = self.store.set_slots(0).await {
            tracing::warn!(%error, "claims could not be stopped");
        }
        self.runner.drain(timeout).await;
        for duty in &self.background_tasks {
            duty.abort();
        }
        let last = async {
            self.sweeper.write_touches().await?;
            self.store.end_life().await
        };
        if let Err(error) = last.await {
            tracing::warn!(%error, "the idle clock could not be stored: jobs may stay longer than they should");
        }
        let store = Arc::clone(&self.store);
        // The writer's last commits block.
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!(%error, "the store did not close");
        }
    }
}
