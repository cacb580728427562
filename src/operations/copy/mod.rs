//! The `copy` operation: copies a file or folder.
//!
//! The copy is created under a temporary name beside its target, synced, and renamed once it is complete, so an incomplete
//! copy never has the target name. A canceled or failed attempt removes its partial copy and reports how much was copied.
//! After a crash, the next attempt continues and copies only the files that are not complete.
//!
//! Modes and times are copied; the owner is the server's user. Links that stay inside the root are copied as links. FIFOs,
//! sockets and devices are skipped and counted in the report. A file that cannot be read fails the job, because the copy
//! would lack it unnoticed.

mod file;
mod flush;
mod mount_epoch;
mod operation;
mod params;
mod stats;
mod tree;
mod workers;

pub(in crate::operations) use operation::Copy;
