//! The life of jobs: submit, look, wait, cancel, delete, stop in order.
//!
//! Puts the store, the live table and the runner together. Knows no HTTP.

mod callback_slots;
mod callbacks;
mod caller;
mod cleanup;
mod deadline;
mod drive_items;
mod ephemeral;
mod handle;
mod idle_tracker;
mod input_holds;
mod job_cache;
mod job_feed;
mod logs;
mod metrics;
mod monitor_token;
mod pending_keys;
mod probe;
mod progress_throttle;
mod recovery;
mod rendered;
mod results;
mod runner;
mod start;
mod submit;
mod sweeper;
mod types;
mod workers;

pub(crate) use crate::engine::callbacks::{
    CallbackRequest, CallbackSender, Delivering, DeliveryOutcome,
};
pub(crate) use crate::engine::caller::Caller;
pub(crate) use crate::engine::drive_items::{DriveItem, ItemError, NumberedItem};
pub(crate) use crate::engine::ephemeral::EphemeralJob;
pub(crate) use crate::engine::idle_tracker::Hold;
pub(crate) use crate::engine::job_feed::{Forgotten, JobEvent};
pub(crate) use crate::engine::metrics::{ActiveJobs, JobMetrics};
pub(crate) use crate::engine::results::{ConsumeGuard, Download, ResultReader};
pub use crate::engine::types::WaitFor;
pub(crate) use crate::engine::types::{StartError, Submission, SubmitError, View};
pub(crate) use handle::Engine;
