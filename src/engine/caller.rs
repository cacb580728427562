//! On whose behalf the engine is asked. Every look at a job takes a [`Caller`], so that none can be had without one.

use std::sync::Arc;

use crate::job::Job;
use crate::store::Owner;

/// Who asks, as far as jobs are concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody unknown, where there are tokens: sees nothing.
    Nobody,
    /// Whoever asks where there are no tokens: sees the jobs that were submitted without one.
    Anyone,
    /// The bearer of a token with this name: sees the jobs of that name.
    Named(Arc<str>),
    /// The same, but sees every job.
    Admin(Arc<str>),
    /// The program that runs the engine: sees every job; those of its own are submitted without a token.
    Host,
}

impl Caller {
    /// The name that new jobs and idempotency keys belong to.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Nobody | Self::Anyone | Self::Host => None,
            Self::Named(name) | Self::Admin(name) => Some(name),
        }
    }

    /// Whether a job is there for this caller.
    pub(crate) fn sees(&self, job: &Job) -> bool {
        self.sees_jobs_of(job.token.as_deref())
    }

    /// Whether jobs of the token with this name are.
    pub(super) fn sees_jobs_of(&self, token: Option<&str>) -> bool {
        match self {
            Self::Nobody => false,
            Self::Anyone => token.is_none(),
            Self::Named(name) => token == Some(name),
            Self::Admin(_) | Self::Host => true,
        }
    }

    /// Whether everybody's jobs are there for this caller: where there are no tokens nobody has any of his own.
    pub(crate) fn sees_all(&self) -> bool {
        matches!(self, Self::Anyone | Self::Admin(_) | Self::Host)
    }

    /// The same, for a list; none where it would be empty.
    pub(super) fn owner(&self) -> Option<Owner> {
        match self {
            Self::Nobody => None,
            Self::Anyone => Some(Owner::Without),
            Self::Named(name) => Some(Owner::Token(Arc::clone(name))),
            Self::Admin(_) | Self::Host => Some(Owner::Any),
        }
    }
}
