//! Commands that talk to a running server.

mod command;
mod connection;
mod control;
mod get;
mod job;
mod list;
mod print;
mod submit;
mod table;

pub(in crate::cli) use command::Command;
pub(in crate::cli) use connection::{Access, CONNECTION, RetryFor};
pub(in crate::cli) use table::table;
