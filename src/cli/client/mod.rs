//! A client of the server's native API, for the commands that talk to a server.

mod api;
mod endpoint;
mod error;
mod retry_budget;

pub(super) use crate::cli::client::error::Error;
pub(in crate::cli) use api::{Client, WithEtag};
pub(in crate::cli) use endpoint::Body;
