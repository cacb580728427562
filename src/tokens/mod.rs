//! Who may ask: tokens, as a running server knows them. Kept as hashes in a file of the data folder, which
//! `cloakroom token` edits; read again when it has changed.
//!
//! **Invariant**: once a data folder has had a token, requests need one until `cloakroom token off`. A token file that
//! is unreadable, malformed, empty or missing starts no server, and opens none that runs.
//!
//!
//! **Invariant**: the text of a token is never stored, logged or shown, but for the one time when it is made.
//!
//! A token is 256 random bits, so one plain SHA-256 of it is as good as any slow hash, and looking that up in a table
//! tells nothing by how long it takes.

mod edit;
mod file;
mod table;

pub use edit::{add, list, remove, turn_off};
pub use file::Error;
pub(crate) use table::{Grant, Hash, RUN_NAME, is_local};
pub use table::{Token, Tokens};
pub(in crate::tokens) use table::{fresh, hash};
