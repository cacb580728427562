//! The caller on whose behalf the engine acts. Every read of a job takes a [`Caller`], so access control cannot be
//! skipped by accident.

use std::sync::Arc;

use crate::job::Job;
use crate::store::Owner;

/// The caller of the engine, which determines the jobs that it may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// An unauthenticated client where tokens are required. Sees no jobs.
    Unauthenticated,
    /// Any client where no tokens are configured. Sees the jobs that were submitted without a token.
    Anyone,
    /// The bearer of the token with this name. Sees the jobs submitted with that token.
    Named(Arc<str>),
    /// The bearer of an admin token with this name. Sees all jobs.
    Admin(Arc<str>),
    /// The bearer of a metrics token with this name. Sees no jobs.
    Metrics(Arc<str>),
    /// The program that embeds the engine. Sees all jobs, and submits its own without a token.
    Host,
}

impl Caller {
    /// The token name that new jobs and idempotency keys belong to.
    pub(crate) fn name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Unauthenticated | Self::Anyone | Self::Host => None,
            Self::Named(name) | Self::Admin(name) | Self::Metrics(name) => Some(name),
        }
    }

    /// Whether this caller may see a job.
    pub(crate) fn sees(&self, job: &Job) -> bool {
        self.sees_jobs_of(job.token.as_deref())
    }

    /// Whether this caller may see jobs of the token with this name.
    pub(super) fn sees_jobs_of(&self, token: Option<&str>) -> bool {
        match self {
            Self::Unauthenticated | Self::Metrics(_) => false,
            Self::Anyone => token.is_none(),
            Self::Named(name) => token == Some(name),
            Self::Admin(_) | Self::Host => true,
        }
    }

    /// The name of the token that submitted a job, if this caller may know it: callers that see only their own jobs do not
    /// need it.
    pub(crate) fn visible_token<'a>(&self, job: &'a Job) -> Option<&'a str> {
        match self {
            Self::Admin(_) | Self::Host => job.token.as_deref(),
            Self::Unauthenticated | Self::Anyone | Self::Named(_) | Self::Metrics(_) => None,
        }
    }

    /// Whether this caller may see the metrics, which cover all jobs. Where no tokens are configured, all jobs were submitted
    /// without one.
    pub(crate) fn sees_metrics(&self) -> bool {
        matches!(
            self,
            Self::Anyone | Self::Admin(_) | Self::Metrics(_) | Self::Host
        )
    }

    /// The filter for lists of this caller's jobs, or `None` if it may see no jobs.
    pub(super) fn owner(&self) -> Option<Owner> {
        match self {
            Self::Unauthenticated | Self::Metrics(_) => None,
            Self::Anyone => Some(Owner::Without),
            Self::Named(name) => Some(Owner::Token(Arc::clone(name))),
            Self::Admin(_) | Self::Host => Some(Owner::Any),
        }
    }
}
