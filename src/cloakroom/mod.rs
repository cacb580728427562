//! An embedded server: connects operations, data, roots and listeners, for `serve`, for `run` and for programs that embed
//! the library.
//!
//! Contains neither rules about jobs, which are the engine's, nor routes, which are HTTP's.

mod builder;
mod error;
mod exposure;
mod handle;
mod result;

pub use builder::Builder;
pub use error::{Error, StartError};
pub use handle::Cloakroom;
pub use result::JobResult;
