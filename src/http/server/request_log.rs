//! The line of the log about one request.

use std::sync::Arc;

use http::header::HeaderValue;
use http::{Method, StatusCode};
use tokio::time::Instant;
use tracing::Level;

/// The longest method in the log, in bytes. Clients can make up methods.
const METHOD_BYTES: usize = 32;
/// The status in the log when the client disconnected before there was a response, as in other servers.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Writes its line when it is dropped: the response has been handed over, or the client is gone. The line has neither
/// query, nor body, nor secrets.
#[derive(Debug)]
pub(crate) struct RequestLog {
    id: HeaderValue,
    method: Method,
    route: String,
    started: Instant,
    token: Option<Arc<str>>,
    status: Option<StatusCode>,
    bytes: u64,
}

/// Whether each request is logged. Cheap enough to ask for each request.
pub(crate) fn logs_all_requests() -> bool {
    tracing::enabled!(Level::DEBUG)
}

/// Whether a request with this response is logged even if others are not, since it was refused.
pub(crate) fn logs_refusal(status: StatusCode) -> bool {
    is_refusal(status) && tracing::enabled!(Level::INFO)
}

fn is_refusal(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::MISDIRECTED_REQUEST
    )
}

impl RequestLog {
    /// The line of a request to a route with this template.
    pub(crate) fn new(id: &HeaderValue, method: &Method, route: &str, started: Instant) -> Self {
        Self {
            id: id.clone(),
            method: method.clone(),
            route: route.to_owned(),
            started,
            token: None,
            status: None,
            bytes: 0,
        }
    }

    /// Notes the name of the token that the request was authenticated with.
    pub(crate) fn set_token(&mut self, name: Option<&Arc<str>>) {
        self.token = name.cloned();
    }

    /// Notes the status of the response.
    pub(crate) fn set_status(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// Counts bytes of the response's body.
    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }
}

impl Drop for RequestLog {
    fn drop(&mut self) {
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.id.to_str().unwrap_or_default(),
                    method = shorten(self.method.as_str()),
                    route = self.route,
                    status = self
                        .status
                        .map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16()),
                    bytes = self.bytes,
                    duration_ms = self.started.elapsed().as_millis() as u64,
                    token = self.token.as_deref(),
                    "request"
                )
            };
        }
        if self.status.is_some_and(is_refusal) {
            line!(info);
        } else {
            line!(debug);
        }
    }
}

/// Methods are ASCII.
fn shorten(method: &str) -> &str {
    method.get(..METHOD_BYTES).unwrap_or(method)
}
