//! Why an outgoing request failed.

use crate::outbound::target::Refusal;

/// The maximum number of redirects to follow.
pub const MAX_REDIRECTS: usize = 10;

/// A request that failed before or while its reply was read. The messages show only the host of a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The policy forbids the URL, a redirect's target or a resolved address.
    #[error("the address is refused: {0}")]
    Refused(#[from] Refusal),
    /// The host name has no address or cannot be looked up.
    #[error("cannot resolve {0}: {1}")]
    Resolve(String, String),
    /// The connection was refused or the host is unreachable.
    #[error("cannot connect to {0}: {1}")]
    Connect(String, String),
    /// The TLS handshake or the certificate's verification failed.
    #[error("the TLS connection failed: {0}")]
    Tls(String),
    /// A timeout expired; the text says during which step.
    #[error("timed out {0}")]
    TimedOut(&'static str),
    /// The connection broke, or the reply is not valid HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// There were too many redirects.
    #[error("more than {MAX_REDIRECTS} redirects")]
    Redirects,
}

impl Error {
    /// Whether a retry may succeed.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Refused(_) | Self::Redirects)
    }
}
