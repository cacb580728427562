//! An embedded server: connects operations, data, roots and listeners, for `serve`, for `run` and for programs that embed
//! the library.
//!
//! Contains neither rules about jobs, which are the engine's, nor routes, which are HTTP's.

mod builder;
mod error;
mod events;
mod exposure;
mod faults;
mod handle;
mod pulse;
mod reload;
mod request;
mod result;
mod runtime;
mod service;

pub use builder::Builder;
pub use error::{Error, StartError};
pub use events::{EventsEnded, JobEvent, JobEvents};
pub use handle::Cloakroom;
pub(crate) use pulse::Pulse;
pub use reload::{ReloadError, Reloaded};
pub use request::{JobFilter, JobPage, JobRequest};
pub use result::JobResult;
pub use service::{HttpBody, HttpService};
