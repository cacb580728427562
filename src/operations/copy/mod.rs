//! `copy`: a file or a folder becomes another one.
//!
//! The copy is made under a temporary name beside its target, synced, and gets its name at once when it is whole, so
//! that nobody ever sees half of it. What a stop or a failure leaves is removed, and the error says what had been done;
//! what a crash leaves is taken up by the next attempt, which copies only what is not whole yet.
//!
//! Modes and times are kept, owners are not: the copy is the server's own. Links are kept where they stay inside the
//! root, and FIFOs, sockets and devices are left out; the report counts what was. A file that may not be read fails the
//! copy, which would else lack it unnoticed.

mod file;
mod flush;
mod mount_epoch;
mod operation;
mod params;
mod stats;
mod tree;
mod workers;

pub(in crate::operations) use operation::Copy;
