//! Roots: the only folders that jobs may read and write.
//!
//! A path on the wire is `/NAME/rest` below a named root, or an absolute path below an unnamed one. Everything below
//! a root is opened relative to its handle (`cap-std`: `openat2` with `RESOLVE_BENEATH` where the kernel has it),
//! so that neither `..`, nor a link, nor a race leads out of the root.
//!
//! Roots are not kept open: their folders may be replaced or unmounted while the server runs. Each use opens the root
//! again. [`Roots::pinned`] keeps the folder that it opened first, so that one attempt at a job sees one folder and
//! releases it at the end.

mod identity;
mod locate;
mod location;
mod refusal;
mod root;
mod shared;

pub use crate::config::RootSpec;
pub(crate) use identity::Identity;
pub use locate::Roots;
pub use location::Location;
pub use refusal::Refusal;
