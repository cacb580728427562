//! The engine itself: its parts, accessors for them, and the orderly stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::engine::callbacks::{CallbackSender, Outbox};
use crate::engine::error::Error;
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
use crate::engine::upload::UploadWriter;
use crate::job::{Job, Status};
use crate::operations::{OutboundClients, SharedRegistry};
use crate::roots::Roots;
use crate::store::{CommitMetrics, Store, StoreStats, Uploads};
use crate::vital::Vital;

/// A running engine.
pub(crate) struct Engine {
    pub(in crate::engine) store: Arc<Store>,
    pub(in crate::engine) job_cache: Arc<JobCache>,
    pub(in crate::engine) runner: Arc<Runner>,
    pub(in crate::engine) registry: Arc<SharedRegistry>,
    pub(in crate::engine) roots: Arc<Roots>,
    pub(in crate::engine) probe: Probe,
    pub(in crate::engine) outbound_access: OutboundClients,
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
    /// True once the server is stopping: waits end early.
    pub(in crate::engine) stopping: watch::Sender<bool>,
    pub(in crate::engine) background_tasks: Vec<JoinHandle<()>>,
}

impl Engine {
    /// A collection of the documents that are uploaded for a submission.
    pub(crate) fn uploads(&self) -> Uploads {
        self.store.uploads()
    }

    /// A writer for a document that a client uploads.
    pub(crate) fn write_upload(&self) -> UploadWriter {
        UploadWriter::new(self.store.write_upload())
    }

    /// Whether there is room for more data. Measures the free disk space.
    pub(crate) fn has_room(&self) -> bool {
        self.store.has_room()
    }

    /// Statistics of the database. Does not wait for its writer.
    ///
    /// # Errors
    /// An error if the database cannot be read.
    pub(crate) async fn store_stats(&self) -> Result<StoreStats, Error> {
        Ok(self.store.stats().await?)
    }

    /// The metrics of commits.
    pub(crate) fn commit_metrics(&self) -> Arc<CommitMetrics> {
        self.store.commits()
    }

    /// The registered operations.
    pub(crate) fn registry(&self) -> &SharedRegistry {
        &self.registry
    }

    /// Keeps an ended job from expiring until the hold is dropped. Returns `None` if the job has not ended or has expired.
    pub(crate) fn hold(&self, job: &Job) -> Option<Hold> {
        self.idle_tracker.hold(job)
    }

    /// Whether the server is stopping.
    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Completes when the server begins to stop.
    pub(crate) async fn stopping(&self) {
        // An error would mean that the sender is gone, but `self` owns it.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// The job metrics.
    pub(crate) fn metrics(&self) -> &Arc<JobMetrics> {
        &self.metrics
    }

    /// The number of queued and running jobs of every registered operation.
    pub(crate) fn active_by_operation(&self) -> BTreeMap<Arc<str>, ActiveJobs> {
        let names = self.metrics.operations().into_keys();
        let mut active: BTreeMap<_, _> = names.map(|name| (name, ActiveJobs::default())).collect();
        self.job_cache.for_each_active(|job| {
            if let Some(active) = active.get_mut(&job.operation) {
                match job.status() {
                    Status::Queued => active.queued += 1,
                    _ => active.running += 1,
                }
            }
        });
        active
    }

    /// A sentence that says why a root is unusable now, or `None` if all roots are usable.
    pub(crate) async fn root_trouble(&self) -> Option<String> {
        self.probe.trouble().await
    }

    /// Waits until the thread that writes to the database answers. An error is an answer, too.
    pub(crate) async fn wait_for_writer(&self) {
        if let Err(error) = self.store.ping().await {
            tracing::debug!(%error, "the database did not answer in order");
        }
    }

    /// The supervisor of the vital tasks and threads. After a failure there the process should exit.
    pub(crate) fn vital(&self) -> &Vital {
        &self.vital
    }

    /// Sets the sender of callbacks. No callbacks are sent before.
    pub(crate) fn set_callback_sender(&self, sender: Arc<dyn CallbackSender>) {
        self.outbox.set_sender(sender);
    }

    /// The rules for connections to other servers.
    pub(crate) fn outbound_access(&self) -> &OutboundClients {
        &self.outbound_access
    }

    /// Ends all waits: they return the job in its current state.
    pub(crate) fn end_waits(&self) {
        self.stopping.send_replace(true);
    }

    /// Stops in order: claims no more jobs, gives running attempts `timeout` to end, and requeues the rest.
    pub(crate) async fn drain(&self, timeout: Duration) {
        self.end_waits();
        if let Err(error) = self.store.set_slots(0).await {
            tracing::warn!(%error, "cannot stop claiming jobs");
        }
        self.runner.drain(timeout).await;
        for task in &self.background_tasks {
            task.abort();
        }
        let store_idle_times = async {
            self.sweeper.write_touches().await?;
            self.store.end_life().await
        };
        if let Err(error) = store_idle_times.await {
            tracing::warn!(%error, "cannot store the idle clock: jobs may be kept longer than their idle timeout");
        }
        self.close_store().await;
    }

    /// Closes the store. From then on another server may use the data.
    pub(in crate::engine) async fn close_store(&self) {
        let store = Arc::clone(&self.store);
        // Closing waits for the writer's last commits, which block.
        if let Err(error) = Self::blocking(move || store.close()).await {
            tracing::error!(%error, "cannot close the store");
        }
    }

    /// Runs work that blocks on a thread for it.
    ///
    /// # Errors
    /// [`Error::Panicked`] if the work panics, [`Error::Stopped`] if the runtime is shut down meanwhile.
    pub(in crate::engine) async fn blocking<T: Send + 'static>(
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}
