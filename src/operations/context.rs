//! The [`Context`] of an attempt: its params, intents, progress, log and access to shared resources.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::job::{ByteProgress, Failure, Job, JobId, Progress, Seq, Stage, TraceContext};
use crate::operations::intents::{Intents, Slot};
use crate::operations::progress_meter::{ProgressMeter, ProgressSink};
use crate::operations::signal::{StopReason, StopSignal};
use crate::operations::{Cores, Log, OperationError, OutboundAccess};
use crate::roots::Roots;
use crate::store::{self, Store};
use crate::vital::Vital;

/// The resources that all attempts share.
#[derive(Clone)]
pub(crate) struct ContextResources {
    /// The folders that operations may access.
    pub roots: Arc<Roots>,
    /// The store of uploads and results.
    pub store: Arc<Store>,
    /// The permits for computing threads.
    pub cores: Arc<Cores>,
    /// Access to other servers.
    pub outbound: Arc<OutboundAccess>,
    /// Spawns the threads that an attempt needs in order to finish.
    pub vital: Vital,
    /// The maximum length of a result, in bytes.
    pub result_bytes: u64,
    /// The maximum length of an XML document, in bytes.
    pub document_bytes: u64,
    /// The maximum memory of one comparison or merge of XML documents, in bytes.
    pub document_memory: u64,
}

/// The environment of one attempt at a job.
///
/// Gives an operation its params, takes its progress, tells it when to stop, and creates the result.
pub struct Context {
    seq: Seq,
    id: JobId,
    attempt: u32,
    params: Arc<str>,
    /// The target path of the result, if the submission named one.
    output: Option<String>,
    /// The trace that the job belongs to.
    trace: Option<Box<TraceContext>>,
    /// Whether the job is ephemeral: no other attempt follows when the server stops.
    synchronous: bool,
    shared: ContextResources,
    signal: Arc<StopSignal>,
    meter: ProgressMeter,
    log: Arc<Log>,
}

impl Context {
    /// Creates the context of an attempt. For the engine.
    pub(crate) fn new(
        job: &Job,
        params: Arc<str>,
        shared: ContextResources,
        signal: Arc<StopSignal>,
        log: Arc<Log>,
        sink: Box<dyn ProgressSink>,
    ) -> Self {
        Self {
            seq: job.seq,
            id: job.id,
            attempt: job.attempt,
            params,
            output: job.options.output.clone(),
            trace: job.options.trace.clone(),
            synchronous: job.options.ephemeral,
            shared,
            signal,
            meter: ProgressMeter::new(sink),
            log,
        }
    }

    /// The params of the job, deserialized.
    ///
    /// # Errors
    /// A [`Failure`] with code `invalid_params` if the params do not deserialize into `P`. This cannot happen if the
    /// schema in [`OperationSpec`](crate::operations::OperationSpec) was derived from `P`.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P, Failure> {
        serde_json::from_str(&self.params)
            .map_err(|e| Failure::new("invalid_params", format!("The params are invalid: {e}")))
    }

    /// The number of attempts at the job, including this one.
    pub(super) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The job's identifier, which is the same in every attempt.
    pub fn job(&self) -> JobId {
        self.id
    }

    /// Records what the attempt is about to do outside the database, for example which file it will create. If the
    /// server dies, the next attempt reads it with [`intent`](Self::intent). The intent is on the disk when this returns,
    /// and replaces the previous one.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt is not current any more, [`OperationError::Failed`] if the intent
    /// cannot be serialized or stored.
    pub fn record_intent(&self, intent: &impl Serialize) -> Result<(), OperationError> {
        self.store_intent(Slot::Work, intent, false)
    }

    /// The last recorded intent, of this or an earlier attempt. It may or may not have been carried out. `None` if there
    /// is no intent of type `T`.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the database cannot be read.
    pub fn intent<T: DeserializeOwned>(&self) -> Result<Option<T>, OperationError> {
        self.intent_in(Slot::Work)
    }

    /// Records the intent to rename a file to its target. After this returns, a cancel, timeout or shutdown does not stop
    /// the attempt any more, and the job succeeds if the rename does.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was already asked to stop, [`OperationError::Failed`] if the intent
    /// cannot be stored.
    pub(super) fn record_rename_intent(
        &self,
        slot: Slot,
        intent: &impl Serialize,
    ) -> Result<(), OperationError> {
        if !self.signal.seal() {
            return Err(OperationError::Canceled);
        }
        self.store_intent(slot, intent, true)
    }

    /// Whether an earlier attempt may have renamed a file to its target.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the database cannot be read.
    pub(crate) fn may_be_renamed(&self) -> Result<bool, OperationError> {
        Ok(self.intents()?.renames())
    }

    fn store_intent(
        &self,
        slot: Slot,
        intent: &impl Serialize,
        renames: bool,
    ) -> Result<(), OperationError> {
        let mut intents = self.intents()?;
        let set = intents.set(slot, intent, renames);
        set.map_err(io::Error::from)?;
        let store = &self.shared.store;
        match store.record_intent(self.seq, self.attempt, intents.to_json(), renames) {
            Err(store::Error::Illegal(_)) => Err(OperationError::Canceled),
            stored => Ok(stored.map_err(io::Error::from)?),
        }
    }

    /// The last intent recorded in this slot. See [`Context::intent`].
    pub(super) fn intent_in<T: DeserializeOwned>(
        &self,
        slot: Slot,
    ) -> Result<Option<T>, OperationError> {
        Ok(self.intents()?.get(slot))
    }

    fn intents(&self) -> Result<Intents, OperationError> {
        let stored = self.shared.store.intent(self.seq);
        let stored = stored.map_err(io::Error::from)?;
        Ok(Intents::parse(stored.as_deref()))
    }

    /// The target path of the result, if the submission named one.
    pub(crate) fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    /// The trace that the job belongs to, which the operation passes on.
    pub fn trace(&self) -> Option<&TraceContext> {
        self.trace.as_deref()
    }

    /// The folders that the operation may access.
    pub fn roots(&self) -> &Roots {
        &self.shared.roots
    }

    /// The store of uploads and results.
    pub(super) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The permits for computing threads, shared by all jobs.
    pub fn cores(&self) -> &Cores {
        &self.shared.cores
    }

    /// The maximum length of an XML document that the operation may read, in bytes.
    pub fn document_bytes(&self) -> u64 {
        self.shared.document_bytes
    }

    /// The maximum memory of one comparison or merge of XML documents, in bytes.
    pub fn document_memory(&self) -> u64 {
        self.shared.document_memory
    }

    /// Access to other servers.
    pub(super) fn outbound(&self) -> &OutboundAccess {
        &self.shared.outbound
    }

    /// Spawns the threads that an attempt needs in order to finish.
    pub(super) fn vital(&self) -> &Vital {
        &self.shared.vital
    }

    /// Runs a future to completion on the server's runtime. If the attempt is asked to stop, the future is dropped.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was asked to stop.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T, OperationError> {
        let work = async {
            tokio::select! {
                biased;
                () = self.signal.raised() => Err(OperationError::Canceled),
                done = work => Ok(done),
            }
        };
        // An async operation is inside of a `block_on` already, when it opens a remote document for example.
        tokio::task::block_in_place(|| self.shared.outbound.runtime.block_on(work))
    }

    /// Sleeps, and returns early if the attempt is asked to stop.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was asked to stop.
    pub fn pause(&self, pause: Duration) -> Result<(), OperationError> {
        self.block_on(async { tokio::time::sleep(pause).await })
    }

    /// Checks whether the attempt was asked to stop. Call this often: an attempt should stop within a second.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was asked to stop. Pass it on with `?`.
    pub fn check(&self) -> Result<(), OperationError> {
        match self.signal.reason() {
            Some(_) => Err(OperationError::Canceled),
            None => Ok(()),
        }
    }

    /// Whether the attempt was asked to stop and another attempt will follow. If so, leave partial work that the next
    /// attempt can reuse.
    pub fn will_retry(&self) -> bool {
        self.signal.reason() == Some(StopReason::Draining) && !self.synchronous
    }

    /// The log of the attempt. The last 256 KiB are kept.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Checks that the disk has free space. Call this regularly while writing.
    ///
    /// # Errors
    /// A failure with code `storage_full` if less space is left than the server keeps free.
    pub(super) fn check_room(&self) -> Result<(), OperationError> {
        if self.store().has_room() {
            return Ok(());
        }
        let message = "There is no room on the server's disk.";
        Err(Failure::new("storage_full", message).into())
    }

    /// Whether a result of this many bytes exceeds the limit.
    pub(super) fn is_too_large(&self, bytes: u64) -> bool {
        bytes > self.shared.result_bytes
    }

    /// The failure of a result that exceeds the limit.
    pub(super) fn too_large(&self) -> Failure {
        Failure::new("result_too_large", too_large(self.shared.result_bytes))
    }

    /// The maximum length of a result, in bytes.
    pub(super) fn max_result_bytes(&self) -> u64 {
        self.shared.result_bytes
    }

    /// Sets the current phase of the work, a short text for people.
    pub fn set_phase(&self, phase: &str) {
        self.meter
            .update(|progress| progress.phase = Some(phase.to_owned()));
    }

    /// Sets the current stage: its name, and its number among `total` stages.
    pub fn set_stage(&self, name: &str, current: u64, total: u64) {
        self.meter.update(|progress| {
            progress.stage = Some(Stage {
                name: name.to_owned(),
                current,
                total,
            });
        });
    }

    /// Sets how much of the work is done, in any unit. The percentage shown stays below 100 until the job ends.
    pub fn set_progress(&self, done: u64, total: u64) {
        let percent = if total == 0 {
            0.0
        } else {
            done as f64 * 100.0 / total as f64
        };
        let percent = ((percent * 10.0).floor() / 10.0).clamp(0.0, 99.9);
        self.meter
            .update(|progress| progress.percent = Some(percent));
    }

    /// Sets the number of bytes processed. If the total is known, this also sets the percentage.
    pub fn set_bytes(&self, current: u64, total: Option<u64>) {
        self.meter
            .update(|progress| progress.bytes = Some(ByteProgress { current, total }));
        if let Some(total) = total {
            self.set_progress(current, total);
        }
    }

    /// Reports that the work is done and the result is being stored.
    pub fn finalizing(&self) {
        self.meter.update(|progress| progress.finalizing = true);
    }

    /// Shows the latest progress at once instead of at the next interval. Call this when the work enters a phase that takes
    /// a while. Only the first 32 calls of an attempt have an effect.
    pub fn flush_progress(&self) {
        self.meter.flush();
    }

    /// Takes the latest progress, or `None` if it was taken already. For the engine.
    pub(crate) fn take_progress(&self) -> Option<Progress> {
        self.meter.take()
    }

    /// The latest progress.
    pub(crate) fn progress(&self) -> Progress {
        self.meter.latest()
    }
}

/// The message for a result that is longer than `max_bytes`.
pub(super) fn too_large(max_bytes: u64) -> String {
    format!("The result is longer than the limit of {max_bytes} bytes.")
}
