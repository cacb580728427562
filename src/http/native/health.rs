//! Health checks: whether the server runs, and whether it accepts jobs.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::http::App;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::json;

/// The response of the liveness check: a server that can answer is alive.
pub(crate) fn alive() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
}

/// The response of the readiness check of a server that accepts jobs.
pub(crate) fn ready() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ready"}"#))
}

impl App {
    /// Checks whether the server accepts jobs.
    ///
    /// # Errors
    /// 503 with the reason if the server is stopping or has failed, its disk is full, or a root cannot be used.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
        let not_ready = |detail: &str| {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail);
            Err(problem.retry_after(5))
        };
        if self.engine.is_stopping() {
            return not_ready("The server is shutting down.");
        }
        if self.engine.vital().has_failed() {
            return not_ready(
                "The server has failed and must be restarted. Its log has the reason.",
            );
        }
        if !self.engine.has_room() {
            return not_ready("The server's disk is full.");
        }
        if let Some(reason) = self.engine.root_trouble().await {
            return not_ready(&reason);
        }
        Ok(())
    }
}
