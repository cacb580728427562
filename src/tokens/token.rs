//! A token as the server knows it: its name and the hash of its text.

use std::sync::Arc;

/// The name of every run token. All runs share it, so that each run sees the jobs of earlier ones.
pub(crate) const RUN_NAME: &str = "launcher";

/// The SHA-256 of a token.
pub(crate) type Hash = [u8; 32];

/// A known token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token's name, which owns its jobs.
    pub name: Arc<str>,
    /// Whether the token gives access to all jobs.
    pub admin: bool,
}

/// Whether a job's owner is a trusted program on this machine: no token, while tokens are not required, or the run token.
pub(crate) fn is_local(name: Option<&str>) -> bool {
    name.is_none_or(|name| name == RUN_NAME)
}
