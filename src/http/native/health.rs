//! Whether the server lives, and whether it takes on new jobs and connections.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::http::App;
use crate::http::metrics::requests as request_metrics;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::json;
use crate::http::routing::route::Route;

/// Whoever can ask is answered.
pub(crate) fn alive() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ok"}"#))
}

/// New jobs are taken on.
pub(crate) fn ready() -> Response<Body> {
    json(StatusCode::OK, Bytes::from_static(br#"{"status":"ready"}"#))
}

impl App {
    /// Rejects a request whose connection is one too many.
    pub(crate) fn too_many_connections(&self, request: Request<Incoming>) -> Response<Body> {
        let (request, _) = request.into_parts();
        let detail = "The server has as many connections as it may have. Try again, and keep fewer of them open.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Problem::new(status, "too_many_connections", detail).retry_after(1);
        let found = self.route(&request);
        let numbers = self.traffic.of(found.as_ref().ok().map(Route::template));
        request_metrics::count(numbers, &request.method, status);
        self.refusal(problem, &request)
    }

    /// Finds out whether new jobs are taken on.
    ///
    /// # Errors
    /// 503 if they are not, or if a root cannot be used, with the reason.
    pub(crate) async fn ready(&self) -> Result<(), Problem> {
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
        if !self.engine.has_room() {
            return not_ready("There is no room on the server's disk.");
        }
        if let Some(trouble) = self.engine.root_trouble().await {
            return not_ready(&trouble);
        }
        Ok(())
    }
}
