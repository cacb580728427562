//! `GET /metrics`: what is counted, as OpenMetrics text for whoever asks for it, as Prometheus does, or in the format
//! before it.
//!
//! Everything is read when it is asked for, and nothing waits: neither the store's writer nor whoever counts.

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

/// What each of our own names begins with.
pub(in crate::http) const PREFIX: &str = "cloakroom";
/// How long the disk has to tell how much it holds: Prometheus waits for ten seconds in all.
pub(in crate::http) const PATIENCE: Duration = Duration::from_secs(3);
pub(in crate::http) const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
pub(in crate::http) const PLAIN: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

impl App {
    /// The numbers of the whole server: where there are tokens, for an admin's.
    ///
    /// # Errors
    /// 403 for others: whose jobs they are is none of theirs, nor how many.
    pub(in crate::http) async fn metrics(
        &self,
        request: &Parts,
        caller: &Caller,
    ) -> Result<Response<Body>, Problem> {
        if !caller.sees_all() {
            let detail = "Metrics are of everybody's jobs: an admin's token is wanted, as `cloakroom token add NAME \
                          --admin` makes.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "not_allowed", detail));
        }
        // What the disk does not tell in time is left out; all the rest says how the server is.
        let figures = self.engine.store().stats();
        let figures = tokio::time::timeout(PATIENCE, figures);
        let (figures, ready) = tokio::join!(figures, self.ready());
        let page = Page {
            ready: ready.is_ok(),
            tally: Arc::clone(self.engine.metrics()),
            active: self.engine.active_by_operation(),
            commits: self.engine.store().commits(),
            figures: figures.ok().and_then(Result::ok),
            answers: self.traffic.answers(),
            accepted: self.traffic.accepted.get(),
            open: self.traffic.open.get(),
        };
        let process = tokio::task::spawn_blocking(Process::look).await.ok();
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

/// Whoever reads OpenMetrics names it: nobody's first wish is anything else then.
pub(in crate::http) fn wants_open_metrics(request: &Parts) -> bool {
    let mut accepted = request.headers.get_all(ACCEPT).iter();
    accepted.any(|value| {
        let value = value.to_str().unwrap_or_default();
        value
            .to_ascii_lowercase()
            .contains("application/openmetrics-text")
    })
}

pub(in crate::http) fn text(page: Page, process: Option<Process>) -> String {
    let mut ours = Registry::with_prefix(PREFIX);
    ours.register_collector(Box::new(page));
    // Named as those of every program.
    let mut everybodys = Registry::default();
    if let Some(process) = process {
        everybodys.register_collector(Box::new(process));
    }
    let mut text = String::new();
    encode_registry(&mut text, &ours)
        .and_then(|()| encode_registry(&mut text, &everybodys))
        .and_then(|()| encode_eof(&mut text))
        .expect("a string takes everything");
    text
}
