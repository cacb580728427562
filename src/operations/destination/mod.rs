//! The destination of a file or folder that a job creates: a name in a folder below a root.
//!
//! The folder is located like a source, step by step from the root's handle, so that no link and no race leads out of the
//! root. New content is renamed to its name through a [`StagedFile`], so that incomplete content never has the name.

mod fingerprint;
mod names;
mod remove;
mod staged;
mod sys;
mod target;

pub(crate) use crate::operations::destination::names::{is_temporary, numbered};
pub(in crate::operations) use crate::operations::destination::remove::remove;
pub(in crate::operations) use crate::operations::destination::staged::{
    PlacedContent, StagedFile, discard, find,
};
#[cfg(not(target_os = "linux"))]
pub(in crate::operations) use crate::operations::destination::sys::sync_folder;
pub(in crate::operations) use crate::operations::destination::sys::{make_folder, open_folder};
pub(in crate::operations) use target::{Conflict, Destination, check, writing_failed};
