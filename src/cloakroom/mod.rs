//! A cloakroom in this process: operations, data, roots and listeners put together, in one place for `serve`, for `run`
//! and for whoever embeds it.
//!
//! Decides nothing about jobs and knows no address of the API: the engine below does the one, HTTP the other.

mod builder;
mod error;
mod exposure;
mod handle;
mod result;

pub use builder::Builder;
pub use error::{Error, StartError};
pub use handle::Cloakroom;
pub use result::JobResult;
