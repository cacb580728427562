//! A server for slow work: submit a job over HTTP, get an id at once, fetch the result later.
//!
//! ```text
//!   client ──POST──► http ──► engine ──► store (one writer, group commit, fsync) ──► SQLite file
//!     ▲               │         │  ▲                        │
//!     │              202        │  └── job cache ◄─── after the commit
//!     └──── poll ◄────┘         └──► runner ──► operation ──► result, in chunks ──► store
//! ```
//!
//! The binary `cloakroom` serves this over HTTP. Other programs can embed a [`Cloakroom`]: with listeners of their own,
//! with sockets that are already open, or without HTTP, and with their own [operations](operations::Operation), whose
//! params are read by serde and described by schemars (both in version 1). `examples/embedded.rs` in full follows;
//! `examples/custom_operation.rs` shows a program that listens.
//!
//! ```
#![doc = include_str!("../examples/embedded.rs")]
//! ```
//!
//! The layers of the crate. A module uses its own layer and those below, never one above:
//!
//! | layer | modules | what |
//! |---|---|---|
//! | 5 | [`cli`], [`Cloakroom`] | arguments become a [`config::Config`]; the parts are put together |
//! | 4 | [`http`] | routes, authentication, errors, dialects: the only place that knows status codes |
//! | 3 | [`engine`] | submit, read, wait, cancel, delete; the job cache, the runner, recovery |
//! | 2 | [`operations`], [`xml`], [`toml_file`] | what a job can do; comparing and merging documents (the crate `xml-delta`); settings in TOML |
//! | 1 | [`store`], [`roots`], [`tokens`], [`outbound`] | the database of jobs and results; folders that jobs may access; access tokens; the only HTTP client |
//! | 0 | [`job`], [`plan`], [`address`], [`config`], [`header_params`], [`metrics`], [`memory`], [`descriptors`], [`failpoints`], [`data_dir`], [`vital`] | pure, except for the last five: states and transitions, recovery, allowed outbound addresses, settings, header parameters, metrics, returning memory to the system, the limit of open files, planned faults in tests, names and private files in the data folder, threads whose panic stops the server |
//!
//! - **Invariant**: a submission is answered after its commit with `synchronous=FULL`; by then the job can be polled.
//! - **Invariant**: [`job::apply`] alone decides what happens to a job, on the store's one writing thread. The one exception
//!   is expiry: the sweeper decides on it by the idle clock, which changes no state, and the writer deletes the row without
//!   reading it, so that even a job whose row is damaged expires.
//! - **Invariant**: only [`store`] holds SQL; only [`http`] knows HTTP.
//! - **Invariant**: the server connects to others only through [`outbound`], and only to addresses that [`address::Policy`] allows.
//! - **Invariant**: [`job`] and [`plan`] know no clock, socket, file, database or runtime.

#![cfg_attr(
    not(feature = "cli"),
    allow(
        dead_code,
        unused_imports,
        reason = "only the command line checks and backs up data, takes signals and raises limits"
    )
)]
#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the layers are documented for readers of the code"
)]

// The API for programs that embed Cloakroom.
mod cloakroom;
pub mod config;
pub mod job;
pub mod operations;
pub mod roots;
pub mod tokens;
// Useful by itself.
pub use xml_delta as xml;

pub use crate::cloakroom::{
    Builder, Cloakroom, Error, EventsEnded, HttpBody, HttpService, JobEvent, JobEvents, JobFilter,
    JobPage, JobRequest, JobResult, ReloadError, Reloaded, StartError,
};
pub use crate::engine::WaitFor;
pub use crate::http::RouteFault;
pub use crate::job::JobOptions;
pub use crate::store::OpenError;
#[cfg(feature = "toml")]
pub use crate::toml_file::{TomlError, TomlFault};

// Public for the binary, and for tests and benches of a single layer. Not part of the stable API.
#[doc(hidden)]
pub mod address;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod outbound;
#[doc(hidden)]
pub mod plan;

mod data_dir;
mod descriptors;
mod engine;
mod failpoints;
mod header_params;
mod http;
mod memory;
mod metrics;
mod store;
#[cfg(feature = "toml")]
mod toml_file;
mod vital;
