//! The folders that jobs may read and write, and nothing else.
//!
//! A path on the wire is `/NAME/rest` below a named root, or an absolute path below an unnamed one. Everything below
//! is opened relative to the root's own handle (`cap-std`: `openat2` with `RESOLVE_BENEATH` where the kernel has it),
//! so that no `..`, no link and no race leads out.
//!
//! No root is held open for good: what its path leads to may be switched, swapped or unmounted while the server runs.
//! Each use opens it anew, but [`Roots::pinned`] keeps to the folder that it found first: one attempt at a job sees one
//! folder, and lets go of it at its end.

mod identity;
mod locate;
mod location;
mod refusal;
mod root;
mod spec;

pub(crate) use identity::Identity;
pub use locate::Roots;
pub use location::Location;
pub use refusal::Refusal;
pub use spec::RootSpec;
