//! The `fetch` operation: downloads a URL into the result or into a file below a root.
//!
//! The bytes are streamed, so only a few chunks are in memory at a time, and a broken connection is resumed (see
//! [`Remote`](crate::operations::documents::remote::Remote)). A file is written under a temporary name beside its target,
//! synced, and renamed once it is complete and its digest matches the requested one.

mod disk;
mod label;
mod operation;
mod params;
mod sink;

pub(in crate::operations) use operation::Fetch;
