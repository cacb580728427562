//! A client of a server's native API, for the commands that talk to one.

mod api;
mod endpoint;
mod error;
mod retry_budget;

pub(super) use crate::cli::client::error::Error;
pub(in crate::cli) use api::{Body, Client, WithEtag};
