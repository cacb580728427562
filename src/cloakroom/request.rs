//! What a program asks of the server: a submission, and a selection of jobs.

use std::sync::Arc;

use serde_json::Value;

use crate::cloakroom::error::Error;
use crate::engine::{Filter, IdempotencyKey, Submission, fingerprint};
use crate::job::{Job, JobOptions, Seq, Status};
use crate::operations::InvalidParam;
use crate::tokens;

/// The longest idempotency key, in characters, as over HTTP.
const MAX_KEY_CHARS: usize = 255;
/// The number of jobs on a page unless [`JobFilter::limit`] says otherwise.
const DEFAULT_LIMIT: usize = 100;
/// The largest number of jobs on a page.
const MAX_LIMIT: usize = 1000;

/// A job to submit, for [`Cloakroom::submit_request`](crate::Cloakroom::submit_request).
///
/// ```
/// # use cloakroom::{JobOptions, JobRequest};
/// let request = JobRequest::new("zip", serde_json::json!({ "path": "/docs" }))
///     .options(JobOptions::default().output("/docs/all.zip"))
///     .idempotency_key("backup of 2026-11-28")
///     .token("anna");
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is submitted"]
pub struct JobRequest {
    operation: String,
    params: Value,
    options: JobOptions,
    key: Option<String>,
    token: Option<String>,
}

impl JobRequest {
    /// A job that runs an operation with these params, a JSON object.
    pub fn new(operation: impl Into<String>, params: Value) -> Self {
        Self {
            operation: operation.into(),
            params,
            options: JobOptions::default(),
            key: None,
            token: None,
        }
    }

    /// Sets what happens to the result, and the callback.
    pub fn options(mut self, options: JobOptions) -> Self {
        self.options = options;
        self
    }

    /// Sets the idempotency key, of 1 to 255 characters: the same request again returns the job that it created first, for as
    /// long as that job is kept. Each token name has keys of its own.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Submits the job in the name of a token, so that clients with that token see it over HTTP. The token need not exist.
    /// Like all jobs of tokens, it reaches no private addresses.
    pub fn token(mut self, name: impl Into<String>) -> Self {
        self.token = Some(name.into());
        self
    }

    /// The submission. `base` begins the links in callbacks.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the key or the name cannot be one.
    pub(super) fn into_submission(mut self, base: &str) -> Result<Submission, Error> {
        let invalid = |pointer: &str, detail: String| {
            Err(Error::Invalid(vec![InvalidParam {
                pointer: pointer.to_owned(),
                detail,
            }]))
        };
        if let Some(key) = &self.key
            && !(1..=MAX_KEY_CHARS).contains(&key.chars().count())
        {
            let detail = format!("An idempotency key has 1 to {MAX_KEY_CHARS} characters.");
            return invalid("idempotency_key", detail);
        }
        if let Some(name) = &self.token
            && !tokens::is_name(name)
        {
            return invalid("token", tokens::Error::Name(name.clone()).to_string());
        }
        // Only synchronous HTTP requests have a guard that deletes their job.
        self.options.ephemeral = false;
        if let Some(callback) = &mut self.options.callback
            && callback.base.is_empty()
        {
            base.clone_into(&mut callback.base);
        }
        let token: Option<Arc<str>> = self.token.map(Into::into);
        let key = self.key.map(|key| IdempotencyKey {
            token: token.clone(),
            name: key,
            fingerprint: fingerprint(&self.operation, &self.params, &self.options),
        });
        Ok(Submission {
            token,
            operation: self.operation,
            params: self.params,
            uploads: None,
            options: self.options,
            key,
        })
    }
}

/// Selects jobs, for [`Cloakroom::jobs`](crate::Cloakroom::jobs). The default selects the newest 100 of all jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// The statuses to include; empty for all.
    pub statuses: Vec<Status>,
    /// The operation to include; `None` for all.
    pub operation: Option<String>,
    /// Only jobs submitted before this one: the [`next`](JobPage::next) of the page before.
    pub after: Option<Seq>,
    /// The number of jobs on the page, 1 to 1000; `None` for 100.
    pub limit: Option<usize>,
}

impl JobFilter {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
    }

    pub(super) fn into_filter(self) -> Filter {
        Filter {
            statuses: self.statuses,
            operation: self.operation,
            before: self.after,
            ..Filter::default()
        }
    }
}

/// A page of a list of jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPage {
    /// The jobs, newest first. May be fewer than the limit although more follow.
    pub jobs: Vec<Arc<Job>>,
    /// The job after which the next page begins; `None` on the last page.
    pub next: Option<Seq>,
}
