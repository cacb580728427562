//! `GET /metrics`: what is counted, as OpenMetrics text for whoever asks for it, as Prometheus does, or in the format
//! before it.
//!
//! Everything is read when it is asked for, and nothing waits: neither the store's writer nor whoever counts.

mod handler;
pub(in crate::http) mod page;
pub(in crate::http) mod plain;
pub(in crate::http) mod process;
pub(in crate::http) mod requests;

pub(in crate::http) use crate::http::metrics::process::begin;
