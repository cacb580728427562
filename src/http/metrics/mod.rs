//! `GET /metrics`: the server's metrics as OpenMetrics for clients that accept it, as Prometheus does, or in Prometheus'
//! older text format.
//!
//! All values are read for each request. Reading them blocks neither the store's writer nor the code that counts.

mod handler;
pub(crate) mod page;
pub(crate) mod plain;
pub(crate) mod process;
pub(crate) mod requests;

pub(crate) use crate::http::metrics::process::begin;
