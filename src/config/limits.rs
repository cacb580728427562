//! What is bounded, and by how much.

use std::time::Duration;

use serde::Deserialize;

use super::values;

/// Bounds; each names its unit.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// The params of one submission, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub params_bytes: usize,
    /// One upload, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub upload_bytes: u64,
    /// One result, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub result_bytes: u64,
    /// One XML document, in bytes.
    #[serde(rename = "document-bytes", deserialize_with = "values::size")]
    pub max_document_bytes: u64,
    /// All jobs and results together, in bytes; none for as much as the disk holds.
    #[serde(deserialize_with = "values::some_size")]
    pub database_bytes: Option<u64>,
    /// Bytes that stay free on the disk of the data folder; none for a twentieth of it and at most 1 GiB.
    #[serde(deserialize_with = "values::some_size")]
    pub free_disk_bytes: Option<u64>,
    /// Jobs that may wait.
    #[serde(rename = "queue", deserialize_with = "values::count")]
    pub max_queued_jobs: usize,
    /// Connections at once, over all listeners.
    #[serde(rename = "connections", deserialize_with = "values::count")]
    pub max_connections: usize,
    /// For the head of a request to arrive, from its first byte.
    #[serde(rename = "header-time", deserialize_with = "values::time")]
    pub header_read_timeout: Duration,
    /// For a connection without a request.
    #[serde(rename = "idle-time", deserialize_with = "values::time")]
    pub keep_alive_timeout: Duration,
    /// For some bytes of a body to pass, either way; not while the client awaits us.
    #[serde(rename = "body-idle-time", deserialize_with = "values::time")]
    pub body_idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            params_bytes: 1 << 20,
            upload_bytes: 4 << 30,
            result_bytes: 16 << 30,
            max_document_bytes: 64 << 20,
            database_bytes: None,
            free_disk_bytes: None,
            max_queued_jobs: 10_000,
            max_connections: 1024,
            header_read_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(75),
            body_idle_timeout: Duration::from_secs(30),
        }
    }
}
