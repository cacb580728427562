//! Hand in slow work over HTTP, take a ticket, come back for the result.
//!
//! ```text
//!   client ──POST──► http ──► engine ──► store (one writer, group commit, fsync) ──► SQLite file
//!     ▲               │         │  ▲                        │
//!     │              202        │  └── live table ◄── after the commit
//!     └──── poll ◄────┘         └──► runner ──► operation ──► result, in chunks ──► store
//! ```
//!
//! The binary `cloakroom` serves this over HTTP. A program of your own does the same with a [`Cloakroom`]: on listeners,
//! on one that is open already, or without HTTP, and with [operations](operations::Operation) of its own, whose params
//! are read by serde and described by schemars, both in version 1. Here is the whole of `examples/embedded.rs`;
//! `examples/custom_operation.rs` is one that listens.
//!
//! ```
#![doc = include_str!("../examples/embedded.rs")]
//! ```
//!
//! The floors; a module uses its own and those below, never one above:
//!
//! | floor | modules | what |
//! |---|---|---|
//! | 5 | [`cli`], [`Cloakroom`] | arguments become a [`config::Config`]; the parts are put together |
//! | 4 | [`http`] | addresses, guards, errors, dialects: the only place that knows a status code |
//! | 3 | [`engine`] | submit, look, wait, cancel, delete; the live table, the runner, recovery |
//! | 2 | [`operations`], [`xml`] | what a job can do; documents compared and merged, the crate `xml-delta` |
//! | 1 | [`store`], [`roots`], [`tokens`], [`outbound`] | the file of jobs and results; folders that jobs may touch; who may ask; the one client of other servers |
//! | 0 | [`job`], [`plan`], [`address`], [`config`], [`header_params`], [`metrics`], [`memory`], [`vital`] | pure, but for the last two: states and transitions, recovery, whom we may call, settings, parameters of headers, what is counted, what the allocator keeps, threads whose panic ends the server |
//!
//! - **Invariant**: an answer to a submission follows its commit with `synchronous=FULL`, and the job can be polled by then.
//! - **Invariant**: [`job::apply`] alone decides what happens to a job, on the store's one writing thread.
//! - **Invariant**: only [`store`] holds SQL; only [`http`] knows HTTP.
//! - **Invariant**: a server connects to others through [`outbound`] alone, and only to an address that [`address::Policy`] has allowed.
//! - **Invariant**: [`job`] and [`plan`] know no clock, socket, file, database or runtime.

#![allow(
    rustdoc::private_intra_doc_links,
    reason = "the floors are for whoever reads the code"
)]

// What a program that embeds a cloakroom needs.
mod cloakroom;
pub mod config;
pub mod job;
pub mod operations;
pub mod roots;
pub mod tokens;
// Of use by itself.
pub use xml_delta as xml;

pub use crate::cloakroom::{Builder, Cloakroom, Error, JobResult, StartError, SubmitOptions};
pub use crate::engine::WaitFor;
pub use crate::http::RouteFault;
pub use crate::store::OpenError;

// Open to the binary, and to tests and benches of one floor alone: nothing is promised of these.
#[doc(hidden)]
pub mod address;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod outbound;
#[doc(hidden)]
pub mod plan;

mod descriptors;
mod engine;
mod failpoints;
mod header_params;
mod http;
mod memory;
mod metrics;
mod private_file;
mod store;
mod vital;
