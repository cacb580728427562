//! Errors for paths that are rejected at submission.

/// Why a path on the wire is rejected at submission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The path is malformed.
    #[error("invalid path {path:?}: {reason}; {roots}")]
    Malformed {
        /// The path, or its first characters.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
        /// The available roots.
        roots: String,
    },
    /// The root is read-only.
    #[error("{path:?} is below a read-only root; {roots}")]
    ReadOnly {
        /// The path.
        path: String,
        /// The available roots.
        roots: String,
    },
    /// A link on the way leads out of the root.
    #[error("{path:?} leads through a link out of its root; {roots}")]
    LeadsOut {
        /// The path.
        path: String,
        /// The available roots.
        roots: String,
    },
    /// The path is below none of the roots.
    #[error("{path:?} is below none of the roots; {roots}")]
    Outside {
        /// The path.
        path: String,
        /// The available roots.
        roots: String,
    },
}
