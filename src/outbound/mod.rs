//! The one client by which the server calls others: callbacks, documents and files from elsewhere.
//!
//! ```text
//!   text ──judge──► Target ──resolve once──► addresses ──judge all──► dial one of them ──TLS──► HTTP/1.1 ──► Reply
//! ```
//!
//! Asks nobody and connects to nothing before [`Policy`](crate::address::Policy) has said yes, to the URL's form and then to every address
//! that its host stands for. Follows no redirect by itself ([`Client::follow`] judges each hop anew), takes no proxy
//! from the environment, keeps no connection and no cookie, decodes nothing. A connection serves one request, so that
//! no answer depends on what was asked before. Every wait ends, and whoever reads a body says how much of it.

mod client;
mod connect;
mod target;
pub(crate) mod tls;

pub use crate::outbound::connect::{Dial, Pending, Resolve, System};
pub use crate::outbound::target::{Refusal, Target};
pub use client::{Client, Error, HOPS, Reply, Request, Timeouts};
