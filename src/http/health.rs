//! Whether the server lives, and whether it takes on new jobs.

use bytes::Bytes;
use http::{Response, StatusCode};

use super::App;
use super::body::Body;
use super::problem::Problem;
use super::reply::json;

/// Whoever can ask is answered.
pub(super) fn alive() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
}

/// New jobs are taken on.
pub(super) fn ready() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ready"}"#))
}

impl App {
    /// Finds out whether new jobs are taken on.
    ///
    /// # Errors
    /// 503 if they are not, or if a root cannot be used, with the reason.
    pub(super) async fn ready(&self) -> Result<(), Problem> {
        let not_ready = |detail: &str| {
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", detail);
            Err(problem.retry_after(5))
        };
        if self.engine.is_stopping() {
            return not_ready("The server stops.");
        }
        if self.engine.vital().has_failed() {
            return not_ready("The server has failed and has to be started again.");
        }
        if !self.engine.store().has_room() {
            return not_ready("There is no room on the server's disk.");
        }
        if let Some(trouble) = self.engine.root_trouble().await {
            return not_ready(&trouble);
        }
        Ok(())
    }
}
