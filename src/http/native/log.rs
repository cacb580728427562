//! The log of a job: the part that is kept, or a stream of it while the job runs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{Method, Response};
use tokio::sync::mpsc;

use crate::engine::{Caller, View, WaitFor};
use crate::http::App;
use crate::http::native::events::X_ACCEL_BUFFERING;
use crate::http::request::query;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::job::State;

/// How long to wait for a change of a queued job before its state is read again.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(55);

impl App {
    /// The log of a job; with `?follow`, as a stream until the job ends.
    pub(crate) async fn log(
        self: &Arc<Self>,
        request: &Parts,
        caller: &Caller,
        view: View,
    ) -> Result<Response<Body>, Problem> {
        let is_followed =
            query::pairs(request).any(|(name, value)| name == "follow" && value != "false");
        if !is_followed || view.job.is_terminal() || request.method == Method::HEAD {
            let mut response = text(Body::Full(self.whole_log(&view).await?));
            if !view.job.is_terminal() {
                response::retry_after(response.headers_mut());
            }
            return Ok(response);
        }
        let (sender, body) = mpsc::channel(1);
        let (app, caller) = (Arc::clone(self), caller.clone());
        tokio::spawn(async move {
            tokio::select! {
                // An error ends the stream, whose status is already sent.
                _ = app.follow_log(&caller, view, &sender) => {}
                () = sender.closed() => {}
                () = app.engine.stopping() => {}
            }
        });
        Ok(text(Body::Events(body)))
    }

    /// The part of a log that is kept, within the limits on large bodies.
    async fn whole_log(&self, view: &View) -> Result<Bytes, Problem> {
        let _permit = self.large.read_permit().await;
        self.large.hold(self.engine.log(&view.job).await?).await
    }

    /// Sends the log as it is written, until the job ends or the client disconnects.
    async fn follow_log(
        &self,
        caller: &Caller,
        mut view: View,
        sender: &mpsc::Sender<Bytes>,
    ) -> Result<(), Problem> {
        let mut has_followed = false;
        loop {
            match &view.job.state {
                State::Ended { .. } => {
                    let log = self.whole_log(&view).await?;
                    if !has_followed && !log.is_empty() {
                        // The client may have disconnected.
                        let _ = sender.send(log).await;
                    }
                    return Ok(());
                }
                State::Running { .. } => {
                    if let Some(mut reader) = self.engine.follow_log(view.job.seq) {
                        has_followed = true;
                        while let Some(chunk) = reader.next().await {
                            if sender.send(chunk).await.is_err() {
                                return Ok(());
                            }
                        }
                    }
                }
                State::Queued => {}
            }
            let change = WaitFor::ChangeFrom(view.job.version);
            view = self
                .engine
                .wait(caller, view.job.id, change, CHANGE_TIMEOUT)
                .await?;
        }
    }
}

/// A plain text response.
fn text(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
