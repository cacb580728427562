//! Limits on sizes, counts and times.

use std::time::Duration;

use serde::Deserialize;

use super::values;

/// Limits; field names include the unit of sizes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize, schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Limits {
    /// The maximum size of a submission's params, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub params_bytes: usize,
    /// The maximum size of one upload, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub upload_bytes: u64,
    /// The maximum size of one result, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub result_bytes: u64,
    /// The maximum size of one XML document, in bytes.
    #[serde(rename = "document-bytes", deserialize_with = "values::size")]
    pub max_document_bytes: u64,
    /// The maximum memory of one comparison or merge of XML documents, in bytes.
    #[serde(deserialize_with = "values::size")]
    pub document_memory: u64,
    /// The maximum size of the database with all jobs and results, in bytes. Default: no limit.
    #[serde(deserialize_with = "values::some_size")]
    pub database_bytes: Option<u64>,
    /// Bytes to keep free on the disk of the data folder. Default: 5% of the disk and at most 1 GiB.
    #[serde(deserialize_with = "values::some_size")]
    pub free_disk_bytes: Option<u64>,
    /// The maximum number of queued jobs.
    #[serde(rename = "queue", deserialize_with = "values::count")]
    pub max_queued_jobs: usize,
    /// The maximum number of open connections over all listeners.
    #[serde(rename = "connections", deserialize_with = "values::count")]
    pub max_connections: usize,
    /// How long the head of a request may take to arrive, from its first byte.
    #[serde(rename = "header-time", deserialize_with = "values::time")]
    pub header_read_timeout: Duration,
    /// How long a connection may stay open without a request.
    #[serde(rename = "idle-time", deserialize_with = "values::time")]
    pub keep_alive_timeout: Duration,
    /// How long a request or response body may stall. Does not apply while the client waits for the server.
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
            document_memory: 1 << 30,
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
