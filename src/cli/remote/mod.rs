//! Commands that talk to a running server.

mod command;
mod connection;
mod control;
mod get;
mod list;
mod submit;
mod table;

pub(in crate::cli) use command::Command;
pub(in crate::cli) use connection::{Access, Retry, Server};
pub(in crate::cli::remote) use connection::{job_path, print_id};
