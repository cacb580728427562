//! Operations that run a program, as declared in the configuration.
//!
//! ```text
//!   declaration ──► plan: arguments with placeholders, expressions         at the server's start
//!   params ──► inputs: documents as files ──► process ──► result           in an attempt
//!                                              └─ attempt: reads output, stops it
//! ```
//!
//! No shell is involved. Each attempt has a private folder and its own processes; both are removed when it ends.

mod attempt;
mod declaration;
mod error;
mod inputs;
mod operation;
mod output;
mod params;
mod process;
mod program;
mod progress;
mod tail;
mod template;
mod values;
mod work;

pub use crate::operations::command::error::SpecError;
pub(crate) use crate::operations::command::process::{become_reaper, kill_all};
pub(crate) use operation::{Command, clear};
pub(crate) use program::missing_program;
