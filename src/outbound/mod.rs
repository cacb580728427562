//! The HTTP client for all outgoing requests: callbacks, remote documents and remote files.
//!
//! ```text
//!   text ──check──► Target ──resolve once──► addresses ──check all──► dial one of them ──TLS──► HTTP/1.1 ──► Reply
//! ```
//!
//! The client resolves and connects only what [`Policy`](crate::address::Policy) allows: first the form of the URL, then
//! every address of its host. It follows redirects only in [`Client::follow`], which judges each hop. It uses no proxy
//! from the environment, stores no cookies and decodes no content. Each connection serves one request, so that replies
//! are independent of each other. All waits have a timeout, and callers choose how much of a body to read.

mod client;
mod connect;
mod error;
mod target;
pub(crate) mod tls;

pub use crate::outbound::connect::{Dial, Pending, Resolve, System};
pub use crate::outbound::target::{Refusal, Target};
pub use client::{Client, Reply, Request, Timeouts};
pub use error::{Error, MAX_REDIRECTS};
