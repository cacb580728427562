//! What a job is and what may happen to it.
//!
//! Owns the identifiers, the states, the events and [`apply()`], the function that decides on every transition.
//! Has no access to clocks, sockets, files, the database or the runtime: time and randomness are arguments.
//! The store calls [`apply()`] while the server runs and at recovery; nothing else changes a job.

mod apply;
mod id;
mod model;
mod options;
mod time;
mod trace;

#[doc(hidden)]
pub use apply::{Change, Event, IllegalEvent, Now, apply};
#[doc(hidden)]
pub use id::SEQ_MAX;
pub use id::{JobId, NotAnId, Seq};
pub(crate) use model::INLINE_PARAMS_BYTES;
pub use model::{
    BlobId, ByteProgress, Failure, Job, Outcome, Output, Params, Progress, ResultLocation, Stage,
    State, Status, Version,
};
pub use options::{
    Callback, CallbackDelivery, CallbackState, CallbackTrigger, JobIdFormat, JobOptions, Method,
};
pub use time::{IdleMs, WallMs};
pub use trace::TraceContext;
