//! Why a server did not do what it was asked.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};

/// Why there is no answer, or not the one that was hoped for.
#[derive(Debug)]
pub(in crate::cli) enum Error {
    /// Nobody is there: nothing was sent.
    Unreachable(String),
    /// Whoever is there is not to be spoken to: nothing was sent.
    Distrusted(String),
    /// The connection broke, or nothing came for too long. What was sent may have been done.
    Lost(String),
    /// It answered, and said no.
    Refused(Refusal),
    /// What answered is something else.
    NotCloakroom(String),
    /// The job is there no more.
    Deleted,
    /// It cannot be asked like this.
    Usage(String),
}

/// A "no".
#[derive(Debug)]
pub(in crate::cli) struct Refusal {
    pub(in crate::cli) status: StatusCode,
    /// The stable word for it.
    code: String,
    /// What to tell people.
    message: String,
    /// When it likes to be asked again.
    retry_after: Option<Duration>,
}

impl Error {
    /// Whether the same may go well in a moment: a connection came to its end, or a server does.
    pub(in crate::cli) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost(_) => true,
            Self::Refused(refusal) => refusal.may_pass(),
            Self::Distrusted(_) | Self::NotCloakroom(_) | Self::Deleted | Self::Usage(_) => false,
        }
    }

    /// How long to wait before asking again, if the server said so.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether the server says that there is no such thing.
    pub(in crate::cli) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND)
    }
}

impl Refusal {
    /// What a problem of the server's says, with each fault on a line of its own.
    pub(super) fn new(status: StatusCode, retry_after: Option<Duration>, problem: &Value) -> Self {
        let mut message = problem["detail"]
            .as_str()
            .map_or_else(|| status.to_string(), str::to_owned);
        for fault in problem["errors"].as_array().into_iter().flatten() {
            let text = |key: &str| fault[key].as_str().unwrap_or_default().to_owned();
            let pointer = text("pointer");
            let pointer = pointer.trim_start_matches("#/");
            message.push_str(&format!("\n  {pointer}: {}", text("detail")));
        }
        Self {
            status,
            code: problem["code"].as_str().unwrap_or_default().to_owned(),
            message,
            retry_after,
        }
    }

    /// A server that stops, a proxy whose server does, or our own request, still on its way over another connection.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.status.as_u16(), 502..=504) || self.code == "idempotency_key_in_use"
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => f.write_str(&refusal.message),
            Self::Deleted => f.write_str("the job was deleted"),
            Self::Unreachable(text)
            | Self::Distrusted(text)
            | Self::Lost(text)
            | Self::NotCloakroom(text)
            | Self::Usage(text) => f.write_str(text),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let is_usage = match &error {
            Error::Refused(refusal) => matches!(
                refusal.status,
                StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST
            ),
            Error::Usage(_) => true,
            _ => false,
        };
        Self::new(if is_usage { EXIT_USAGE } else { EXIT_FAILED }, error)
    }
}
