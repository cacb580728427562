//! `zip`: files and folders become an archive.
//!
//! ```text
//!   feed: walks and reads ──units──► crew: helpers deflate ──in order──► archive: writes
//!   └──────────────────── the attempt's own thread but for the helpers ─────────────────┘
//! ```
//!
//! Streams: one file is open at a time, and a fixed number of blocks is in memory. The tree is walked twice, first to
//! count, so that percent means bytes really read.

mod archive;
mod block;
mod exclude;
mod format;
mod moment;
mod operation;
mod params;
mod reader;
mod workers;

pub(in crate::operations) use operation::{Top, Zip, folder};
