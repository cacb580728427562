//! The `zip` operation: packs files and folders into an archive.
//!
//! ```text
//!   reader: walks and reads ──blocks──► workers: deflate ──in order──► archive: writes
//!   └────────────────── all on the attempt's own thread, except for the workers ─────────────┘
//! ```
//!
//! The archive is streamed: one file is open at a time, and a fixed number of blocks is in memory. The tree is walked
//! twice, first to count bytes, so that the percentage reflects the bytes read.

mod archive;
mod block;
mod exclude;
mod extra_field;
mod format;
mod operation;
mod params;
mod reader;
mod timestamp;
mod top;
mod workers;

pub(in crate::operations) use operation::{Zip, folder};
