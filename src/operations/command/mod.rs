//! Programs that the operator offers as operations, as the configuration declares them.
//!
//! ```text
//!   declaration ──► plan: arguments with placeholders, expressions         at the server's start
//!   params ──► inputs: documents as files ──► process ──► result           in an attempt
//!                                              └─ attempt: listens, stops it
//! ```
//!
//! No shell has a say. An attempt has a folder of its own, of which nothing is left when it ends, and processes of its
//! own, of which nothing is left either.

mod attempt;
mod declaration;
mod inputs;
mod operation;
mod output;
mod process;
mod progress;
mod tail;
mod template;
mod values;
mod work;

pub use crate::operations::command::declaration::SpecError;
pub(crate) use crate::operations::command::process::{become_reaper, kill_all};
pub(in crate::operations) use operation::KILL_TIME;
pub(crate) use operation::{Command, clear};
