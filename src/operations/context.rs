//! What an attempt is given to work with.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::job::{ByteProgress, Failure, Job, JobId, Progress, Seq, Stage};
use crate::operations::signal::{StopReason, StopSignal};
use crate::operations::{Cores, Log, OperationError, OutboundAccess};
use crate::roots::Roots;
use crate::store::{self, Store};
use crate::vital::Vital;

/// How often progress of an attempt is shown at once; after that it is shown now and then.
const TURNS: u32 = 32;

/// Whoever shows progress. Told that there is some; asks for it when it has time.
pub(crate) trait ProgressSink: Send + Sync {
    /// There is progress that was not asked for yet.
    fn changed(&self);

    /// The same, and it is worth being shown at once: the work has turned to something else.
    fn flushed(&self);
}

#[derive(Debug, Default)]
struct Meter {
    progress: Progress,
    fresh: bool,
    flushes: u32,
}

/// Who intends something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::operations) enum Slot {
    /// The operation.
    Work,
    /// Whoever puts the result where it belongs.
    Result,
}

impl Slot {
    fn key(self) -> &'static str {
        match self {
            Self::Work => "work",
            Self::Result => "result",
        }
    }
}

/// Beside the slots in the stored intents: whether the last one was to give something its name.
const PLACES: &str = "places";

/// What all attempts share.
#[derive(Clone)]
pub(crate) struct ContextResources {
    /// The folders that the work may touch.
    pub roots: Arc<Roots>,
    /// Where uploads are and results go.
    pub store: Arc<Store>,
    /// The cores.
    pub cores: Arc<Cores>,
    /// The way to other servers.
    pub outside: Arc<OutboundAccess>,
    /// Where threads are spawned that an attempt cannot do without.
    pub vital: Vital,
    /// The longest result, in bytes.
    pub result_bytes: u64,
    /// The longest XML document, in bytes.
    pub document_bytes: u64,
}

/// One attempt's surroundings.
pub struct Context {
    seq: Seq,
    id: JobId,
    attempt: u32,
    params: Arc<str>,
    /// The file that the result is to be.
    output: Option<String>,
    /// Whether it is forgotten with the server, so that no other attempt follows.
    synchronous: bool,
    shared: ContextResources,
    signal: Arc<StopSignal>,
    meter: Mutex<Meter>,
    log: Arc<Log>,
    sink: Box<dyn ProgressSink>,
}

impl Context {
    /// Puts one together; for the engine.
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
            synchronous: job.options.ephemeral,
            shared,
            signal,
            meter: Mutex::default(),
            log,
            sink,
        }
    }

    /// What the job was asked to do.
    ///
    /// # Errors
    /// Only for params of another type than the schema was made from.
    pub fn params<P: DeserializeOwned>(&self) -> Result<P, Failure> {
        serde_json::from_str(&self.params)
            .map_err(|e| Failure::new("invalid_params", format!("The params do not fit: {e}")))
    }

    /// How often the job was started, this attempt included.
    pub(in crate::operations) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The job's name, the same in every attempt.
    pub fn job(&self) -> JobId {
        self.id
    }

    /// Says what is about to be done outside the database, for the next attempt if this one does not live to see the
    /// end. Once this returns it is on the disk.
    ///
    /// # Errors
    /// What the disk may say.
    pub fn record_intent(&self, intent: &impl Serialize) -> Result<(), OperationError> {
        self.store_intent(Slot::Work, intent, false)
    }

    /// What an attempt before this one said that it was about to do; it may have done it.
    ///
    /// # Errors
    /// What the disk may say.
    pub fn intent<T: DeserializeOwned>(&self) -> Result<Option<T>, OperationError> {
        self.intent_in(Slot::Work)
    }

    /// As [`Context::record_intent`], just before what was made gets its name. Once this returns it is too late to stop: no
    /// cancel, no deadline and no drain ends the attempt any more, and the job succeeds if the renaming does.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was asked to stop before; what the disk may say.
    pub(in crate::operations) fn intend_to_place(
        &self,
        slot: Slot,
        intent: &impl Serialize,
    ) -> Result<(), OperationError> {
        if !self.signal.seal() {
            return Err(OperationError::Canceled);
        }
        self.store_intent(slot, intent, true)
    }

    /// Whether an attempt before this one may have put something into its place.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) fn may_be_placed(&self) -> Result<bool, OperationError> {
        Ok(self.intents()?[PLACES] == json!(true))
    }

    fn store_intent(
        &self,
        slot: Slot,
        intent: &impl Serialize,
        places: bool,
    ) -> Result<(), OperationError> {
        let mut intents = self.intents()?;
        intents[slot.key()] = serde_json::to_value(intent).map_err(io::Error::from)?;
        intents[PLACES] = json!(places);
        let store = &self.shared.store;
        match store.record_intent(self.seq, self.attempt, intents.to_string(), places) {
            Err(store::Error::Illegal(_)) => Err(OperationError::Canceled),
            stored => Ok(stored.map_err(io::Error::from)?),
        }
    }

    /// As [`Context::intent`].
    pub(in crate::operations) fn intent_in<T: DeserializeOwned>(
        &self,
        slot: Slot,
    ) -> Result<Option<T>, OperationError> {
        let intent = self.intents()?[slot.key()].take();
        // What cannot be read was said by another release; the work begins anew.
        Ok(serde_json::from_value(intent).ok())
    }

    fn intents(&self) -> Result<Value, OperationError> {
        let stored = self.shared.store.intent(self.seq);
        let stored = stored.map_err(io::Error::from)?;
        let intents = stored.and_then(|json| serde_json::from_str(&json).ok());
        Ok(intents.unwrap_or_else(|| json!({})))
    }

    /// The file that the result is to be, if it is to be one.
    pub(crate) fn output(&self) -> Option<&str> {
        self.output.as_deref()
    }

    /// The folders that the work may touch.
    pub fn roots(&self) -> &Roots {
        &self.shared.roots
    }

    /// Where uploads are.
    pub(in crate::operations) fn store(&self) -> &Store {
        &self.shared.store
    }

    /// The cores that all jobs share.
    pub fn cores(&self) -> &Cores {
        &self.shared.cores
    }

    /// The longest XML document that the work may read, in bytes.
    pub fn document_bytes(&self) -> u64 {
        self.shared.document_bytes
    }

    /// The way to other servers.
    pub(in crate::operations) fn outside(&self) -> &OutboundAccess {
        &self.shared.outside
    }

    /// Where threads are spawned that an attempt cannot do without.
    pub(in crate::operations) fn vital(&self) -> &Vital {
        &self.shared.vital
    }

    /// Waits for asynchronous work, but no longer than until the attempt is asked to stop.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] once it was asked to; the work is dropped then.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> Result<T, OperationError> {
        self.shared.outside.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.signal.raised() => Err(OperationError::Canceled),
                done = work => Ok(done),
            }
        })
    }

    /// Waits, but no longer than until the attempt is asked to stop.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] once it was asked to.
    pub fn pause(&self, pause: Duration) -> Result<(), OperationError> {
        self.block_on(async { tokio::time::sleep(pause).await })
    }

    /// Call it often: an attempt that was asked to stop should do so within a second.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] once it was asked to.
    pub fn check(&self) -> Result<(), OperationError> {
        match self.signal.reason() {
            Some(_) => Err(OperationError::Canceled),
            None => Ok(()),
        }
    }

    /// Whether the attempt was asked to stop, and another one will follow: what helps that one may stay.
    pub fn will_retry(&self) -> bool {
        self.signal.reason() == Some(StopReason::Draining) && !self.synchronous
    }

    /// Where to write what people may want to read of the work; its last 256 KiB are kept.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Call it now and then while something grows on the disk.
    ///
    /// # Errors
    /// `storage_full` where there is less room than must stay free.
    pub(in crate::operations) fn check_room(&self) -> Result<(), OperationError> {
        if self.store().has_room() {
            return Ok(());
        }
        let message = "There is no room on the server's disk.";
        Err(Failure::new("storage_full", message).into())
    }

    /// Whether a result of this many bytes exceeds the limit.
    pub(in crate::operations) fn is_too_large(&self, bytes: u64) -> bool {
        bytes > self.shared.result_bytes
    }

    /// The failure of a result that exceeds the limit.
    pub(in crate::operations) fn too_large(&self) -> Failure {
        Failure::new("result_too_large", too_large(self.shared.result_bytes))
    }

    /// The maximum length of a result, in bytes.
    pub(in crate::operations) fn max_result_bytes(&self) -> u64 {
        self.shared.result_bytes
    }

    /// Says what is being done, for people.
    pub fn set_phase(&self, phase: &str) {
        self.update(|progress| progress.phase = Some(phase.to_owned()));
    }

    /// Says which of how many steps is at hand.
    pub fn set_stage(&self, name: &str, current: u64, total: u64) {
        self.update(|progress| {
            progress.stage = Some(Stage {
                name: name.to_owned(),
                current,
                total,
            });
        });
    }

    /// Says how much of the work is done, in any unit. To one decimal, and never 100 before the end.
    pub fn set_progress(&self, done: u64, total: u64) {
        let percent = if total == 0 {
            0.0
        } else {
            done as f64 * 100.0 / total as f64
        };
        let percent = ((percent * 10.0).floor() / 10.0).clamp(0.0, 99.9);
        self.update(|progress| progress.percent = Some(percent));
    }

    /// Says how many bytes of the work are through, which is how much of it is done where their number is known.
    pub fn set_bytes(&self, current: u64, total: Option<u64>) {
        self.update(|progress| progress.bytes = Some(ByteProgress { current, total }));
        if let Some(total) = total {
            self.set_progress(current, total);
        }
    }

    /// Says that the work is done, and that what came of it is being stored.
    pub fn finalizing(&self) {
        self.update(|progress| progress.finalizing = true);
    }

    /// Says that what was said last is worth being shown at once: the work has turned to something else, and will be
    /// at it for a while. For work of which little is done at the same time; after some dozen times it is as any other.
    pub fn flush_progress(&self) {
        let mut meter = self.meter.lock();
        meter.flushes += 1;
        if meter.fresh && meter.flushes <= TURNS {
            self.sink.flushed();
        }
    }

    /// The latest progress if nobody has asked for it yet; for the engine.
    pub(crate) fn take_progress(&self) -> Option<Progress> {
        let mut meter = self.meter.lock();
        std::mem::take(&mut meter.fresh).then(|| meter.progress.clone())
    }

    /// The latest progress; for the engine.
    pub(crate) fn progress(&self) -> Progress {
        self.meter.lock().progress.clone()
    }

    fn update(&self, change: impl FnOnce(&mut Progress)) {
        let mut meter = self.meter.lock();
        change(&mut meter.progress);
        if !std::mem::replace(&mut meter.fresh, true) {
            self.sink.changed();
        }
    }
}

/// The message for a result that is longer than `max_bytes`.
pub(in crate::operations) fn too_large(max_bytes: u64) -> String {
    format!("The result is longer than the limit of {max_bytes} bytes.")
}
