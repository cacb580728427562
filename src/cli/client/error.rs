//! Why a request to a server failed.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};

/// Why a request failed.
#[derive(Debug)]
pub(in crate::cli) enum Error {
    /// The server cannot be reached. Nothing was sent.
    Unreachable(String),
    /// The server's certificate is not trusted. Nothing was sent.
    Distrusted(String),
    /// The connection broke or timed out. The server may have processed the request.
    Lost(String),
    /// The server answered with an error.
    Refused(Refusal),
    /// The peer is not a Cloakroom server.
    NotCloakroom(String),
    /// The job was deleted.
    Deleted,
    /// The request cannot be made from these arguments.
    Usage(String),
}

/// An error response.
#[derive(Debug)]
pub(in crate::cli) struct Refusal {
    pub(in crate::cli) status: StatusCode,
    /// The stable error code.
    code: String,
    /// The message for people.
    message: String,
    /// The `Retry-After` delay.
    retry_after: Option<Duration>,
}

impl Error {
    /// Whether a retry may succeed.
    pub(in crate::cli) fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost(_) => true,
            Self::Refused(refusal) => refusal.is_transient(),
            Self::Distrusted(_) | Self::NotCloakroom(_) | Self::Deleted | Self::Usage(_) => false,
        }
    }

    /// The delay that the server asked for before a retry.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal.retry_after,
            _ => None,
        }
    }

    /// Whether the server answered 404.
    pub(in crate::cli) fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.status == StatusCode::NOT_FOUND)
    }
}

impl Refusal {
    /// Reads a problem document; each of its `errors` becomes a line of the message.
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

    /// Says how to give a token to this program, if the server asks for one.
    pub(super) fn with_token_hint(mut self, has_token: bool) -> Self {
        if self.status == StatusCode::UNAUTHORIZED && self.code == "unauthorized" {
            let hint = if has_token {
                "the server does not know this token; check --token or CLOAKROOM_TOKEN"
            } else {
                "the server requires a token; give one with --token or CLOAKROOM_TOKEN"
            };
            hint.clone_into(&mut self.message);
        }
        self
    }

    /// Whether a retry may succeed: the server is stopping, a proxy cannot reach it, or an earlier attempt at this submission
    /// is still in progress.
    pub(super) fn is_transient(&self) -> bool {
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
