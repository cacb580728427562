//! Every setting, as plain values with their defaults. Knows neither files nor flags; `cli` fills it in.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::roots::RootSpec;

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder of everything that the server writes.
    pub data: PathBuf,
    /// Where it listens.
    pub listen: Vec<SocketAddr>,
    /// What jobs may read and write.
    pub roots: Vec<RootSpec>,
    /// How many jobs may be in flight.
    pub workers: usize,
    /// How long an ended job stays untouched before it is forgotten.
    pub idle_timeout: Duration,
    /// How long running jobs get at a stop.
    pub drain_timeout: Duration,
    /// Names that the server goes by, besides `localhost` and its addresses.
    pub hosts: Vec<String>,
    /// Serve beyond loopback without tokens all the same.
    pub insecure_no_token: bool,
    /// What is bounded, and by how much.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data: "cloakroom-data".into(),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 7070))],
            roots: Vec::new(),
            workers: 4 * std::thread::available_parallelism().map_or(1, usize::from),
            idle_timeout: Duration::from_hours(1),
            drain_timeout: Duration::from_secs(10),
            hosts: Vec::new(),
            insecure_no_token: false,
            limits: Limits::default(),
        }
    }
}

/// Bounds; each names its unit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The params of one submission, in bytes.
    pub params_bytes: usize,
    /// One upload, in bytes.
    pub upload_bytes: u64,
    /// Bytes that stay free on the disk of the data folder; none for a twentieth of it and at most 1 GiB.
    pub free_disk_bytes: Option<u64>,
    /// Jobs that may wait.
    pub queue: usize,
    /// Connections at once, over all listeners.
    pub connections: usize,
    /// For the head of a request to arrive, from its first byte.
    pub header_time: Duration,
    /// For a connection without a request.
    pub idle_time: Duration,
    /// For some bytes of a body to pass, either way; not while the client awaits us.
    pub body_idle_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            params_bytes: 1 << 20,
            upload_bytes: 4 << 30,
            free_disk_bytes: None,
            queue: 10_000,
            connections: 1024,
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            body_idle_time: Duration::from_secs(30),
        }
    }
}
