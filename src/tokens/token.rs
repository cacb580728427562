//! A token as the server knows it: its name and kind, and the hash of its text.

use std::sync::Arc;
use std::time::SystemTime;

/// The name of every run token. All runs share it, so that each run sees the jobs of earlier ones.
pub(crate) const RUN_NAME: &str = "launcher";

/// The SHA-256 of a token.
pub(crate) type Hash = [u8; 32];

/// What a token gives access to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The jobs that were submitted with a token of the same name.
    User,
    /// All jobs, and the metrics.
    Admin,
    /// Only the metrics.
    Metrics,
}

impl TokenKind {
    /// All kinds.
    pub(super) const ALL: [Self; 3] = [Self::User, Self::Admin, Self::Metrics];

    /// The name of the kind: `user`, `admin` or `metrics`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }
}

/// A known token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The token's name, which owns its jobs.
    pub name: Arc<str>,
    /// What the token gives access to.
    pub kind: TokenKind,
    /// When the token stops being valid; `None` for never.
    pub expires: Option<SystemTime>,
    /// Whether another token has replaced this one, which is valid only for a grace period.
    pub replaced: bool,
}

impl Token {
    /// Whether the token has expired at the time `now`.
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }
}

/// Whether a job's owner is a trusted program on this machine: no token, while tokens are not required, or the run token.
pub(crate) fn is_local(name: Option<&str>) -> bool {
    name.is_none_or(|name| name == RUN_NAME)
}
