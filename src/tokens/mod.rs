//! Authentication tokens. Their hashes are stored in a file of the data folder, which `cloakroom token` edits and running
//! servers reload.
//!
//! **Invariant**: once a data folder has had a token, requests need one until `cloakroom token off`. A token file that
//! is unreadable, malformed, empty or missing prevents a start, and does not open a running server.
//!
//! **Invariant**: the text of a token is shown once, when it is created, and never stored or logged.
//!
//! A token has 256 random bits, so a plain SHA-256 is as safe as a slow hash, and the timing of a table lookup by hash
//! reveals nothing about tokens.

mod edit;
mod file;
mod grant;
mod table;
mod text;
mod token;
mod uses;

pub use edit::{ListedToken, add, list, remove, rotate, turn_off};
pub use file::Error;
pub(crate) use file::is_name;
pub(crate) use grant::Grant;
pub(crate) use table::Rejection;
pub use table::Tokens;
pub(crate) use text::MAX_CHOSEN_CHARS;
pub(crate) use token::{Hash, is_local};
pub use token::{Token, TokenKind};
