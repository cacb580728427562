//! `fetch`: what is at a URL becomes the result, or a file below a root.
//!
//! Streams, across breaks of the connection (see [`Remote`](crate::operations::documents::remote::Remote)), so that a few chunks are in memory however long it is. A
//! file is made under a temporary name beside its target, synced, and gets its name when it is whole and has the digest
//! that was asked for.

mod label;
mod operation;
mod params;
mod sink;

pub(in crate::operations) use operation::{Fetch, wait_for_disk};
