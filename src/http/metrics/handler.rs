//! The handler of `GET /metrics`.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, VARY};
use http::request::Parts;
use http::{Response, StatusCode};
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

use crate::engine::Caller;
use crate::http::App;
use crate::http::metrics::page::Page;
use crate::http::metrics::plain;
use crate::http::metrics::process::Process;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;

/// The prefix of the server's own metrics.
pub(crate) const PREFIX: &str = "cloakroom";
/// How long the handler waits for the store's statistics. Prometheus waits ten seconds for the whole response.
pub(crate) const STATS_TIMEOUT: Duration = Duration::from_secs(3);
pub(crate) const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
pub(crate) const PLAIN: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

impl App {
    /// The metrics of the whole server.
    ///
    /// # Errors
    /// 403 if tokens are required and the caller's token is a user's.
    pub(crate) async fn metrics(
        &self,
        request: &Parts,
        caller: &Caller,
    ) -> Result<Response<Body>, Problem> {
        if !caller.sees_metrics() {
            let detail = "Metrics cover the jobs of all tokens and need a metrics or admin token. Create one with `cloakroom \
                          token add NAME --metrics`.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail));
        }
        // Without statistics in time the other metrics are still sent.
        let stats = self.engine.store_stats();
        let stats = tokio::time::timeout(STATS_TIMEOUT, stats);
        let (stats, ready) = tokio::join!(stats, self.ready());
        let page = Page {
            ready: ready.is_ok(),
            jobs: Arc::clone(self.engine.metrics()),
            active: self.engine.active_by_operation(),
            commits: self.engine.commit_metrics(),
            store: stats.ok().and_then(Result::ok),
            requests: self.requests.counts(),
            accepted: self.requests.accepted.get(),
            open: self.requests.open.get(),
        };
        let process = tokio::task::spawn_blocking(Process::read).await.ok();
        let text = text(page, process);
        let (text, content_type) = if wants_open_metrics(request) {
            (text, OPEN_METRICS)
        } else {
            (plain::of(&text), PLAIN)
        };
        let mut response = Response::new(Body::Full(text.into()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, content_type);
        headers.insert(VARY, HeaderValue::from_static("accept"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// Whether the client accepts OpenMetrics. A client that names it is assumed to prefer it.
pub(crate) fn wants_open_metrics(request: &Parts) -> bool {
    let mut accepted = request.headers.get_all(ACCEPT).iter();
    accepted.any(|value| {
        let value = value.to_str().unwrap_or_default();
        value
            .to_ascii_lowercase()
            .contains("application/openmetrics-text")
    })
}

/// The metrics as OpenMetrics text.
pub(crate) fn text(page: Page, process: Option<Process>) -> String {
    let mut prefixed = Registry::with_prefix(PREFIX);
    prefixed.register_collector(Box::new(page));
    // Process metrics have the same names for every program, without a prefix.
    let mut unprefixed = Registry::default();
    if let Some(process) = process {
        unprefixed.register_collector(Box::new(process));
    }
    let mut text = String::new();
    encode_registry(&mut text, &prefixed)
        .and_then(|()| encode_registry(&mut text, &unprefixed))
        .and_then(|()| encode_eof(&mut text))
        .expect("writing to a string never fails");
    text
}
