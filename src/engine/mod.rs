//! The job engine: submits, reads, runs, cancels and deletes jobs, and stops in order.
//!
//! Connects the store, the job cache and the runner. Contains no HTTP.

mod cached_job;
mod callback_slots;
mod callbacks;
mod caller;
mod cleanup;
mod deadline;
mod download;
mod drive_items;
mod ephemeral;
mod error;
mod fingerprint;
mod handle;
mod idle_tracker;
mod input_holds;
mod job_cache;
mod job_feed;
mod jobs;
mod logs;
mod metrics;
mod monitor_token;
mod observer;
mod pending_keys;
mod probe;
mod progress_throttle;
mod recovery;
mod reload;
mod rendered;
mod rendered_slot;
mod results;
mod runner;
mod start;
mod submit;
mod sweeper;
#[cfg(test)]
mod test_job;
mod types;
mod upload;
mod workers;

pub(crate) use crate::engine::callbacks::{
    CallbackRequest, CallbackSender, Delivering, DeliveryOutcome,
};
pub(crate) use crate::engine::caller::Caller;
pub(crate) use crate::engine::download::Download;
pub(crate) use crate::engine::drive_items::{DriveItem, ItemError, NumberedItem};
pub(crate) use crate::engine::ephemeral::EphemeralJob;
pub(crate) use crate::engine::error::Error;
pub(crate) use crate::engine::fingerprint::fingerprint;
pub(crate) use crate::engine::idle_tracker::Hold;
pub(crate) use crate::engine::job_feed::{Forgotten, JobEvent, Subscriber};
pub(crate) use crate::engine::metrics::{ActiveJobs, JobMetrics};
pub(crate) use crate::engine::results::{ConsumeGuard, ResultReader};
pub use crate::engine::types::WaitFor;
pub(crate) use crate::engine::types::{StartError, Submission, SubmitError, View};
pub(crate) use crate::engine::upload::UploadWriter;
pub(crate) use handle::Engine;
// Re-exported for HTTP, which does not import the store itself.
pub(crate) use crate::store::{
    CHUNK_BYTES, CommitMetrics, Filter, IdempotencyKey, StoreStats, Uploads,
};
