//! `GET /metrics`: the server's metrics as OpenMetrics for clients that accept it, as Prometheus does, or in Prometheus'
//! older text format.
//!
//! All values are read for each request. Reading them blocks neither the store's writer nor the code that counts.

mod handler;
pub(in crate::http) mod page;
pub(in crate::http) mod plain;
pub(in crate::http) mod process;
pub(in crate::http) mod requests;

pub(in crate::http) use crate::http::metrics::process::begin;
