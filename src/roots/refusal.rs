//! Paths that are refused before anything is started.

/// Why a path on the wire is refused, before anything is started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no path at all.
    #[error("{path:?} is not a path: {reason}; {roots}")]
    Malformed {
        /// The path, or its beginning.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What there is to begin with.
        roots: String,
    },
    /// Nothing is written there.
    #[error("{path:?} is below a root that is read-only; {roots}")]
    ReadOnly {
        /// The path.
        path: String,
        /// What there is.
        roots: String,
    },
    /// A link on the way leads somewhere else.
    #[error("{path:?} leads through a link out of its root; {roots}")]
    LeadsOut {
        /// The path.
        path: String,
        /// What there is instead.
        roots: String,
    },
    /// It is below none of the roots.
    #[error("{path:?} is below none of the roots; {roots}")]
    Outside {
        /// The path.
        path: String,
        /// What there is instead.
        roots: String,
    },
}
