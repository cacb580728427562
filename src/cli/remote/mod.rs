//! Commands that talk to a running server.

mod connection;
mod control;
mod get;
mod list;
mod submit;
mod table;

pub(in crate::cli) use connection::{Access, Command, Retry, Server};
pub(in crate::cli::remote) use connection::{job_path, print_id};
