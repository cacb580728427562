//! Server-sent events: one job, or all of them. The present state first, then each change; the latest wins for a slow
//! reader.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;

use super::body::Body;
use super::dialects::native;
use super::{App, Asker, reply};
use crate::engine::{Caller, Forgotten, News, View};
use crate::job::Job;

/// Sent when nothing else is, so that neither side takes the other for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What the client waits before it asks again, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// What there is to say of a job that was forgotten.
const DELETED: &str = "deleted";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
pub(super) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

impl App {
    /// The events of one job, until it has ended or is gone.
    pub(super) fn job_events(
        self: &Arc<Self>,
        request: &Parts,
        view: View,
        base: &str,
        form: Form,
    ) -> Response<Body> {
        let seen = request
            .headers
            .get(LAST_EVENT_ID)
            .and_then(|value| value.to_str().ok());
        if view.job.is_terminal() && seen == Some(&version(&view.job)) {
            return reply::no_content();
        }
        let (sender, body) = mpsc::channel(1);
        let (app, base) = (Arc::clone(self), base.to_owned());
        tokio::spawn(async move {
            let stream = Stream {
                app: &app,
                base: &base,
                form,
                sender,
            };
            // Whoever hung up needs no reason.
            let _ = stream.one_job(view).await;
        });
        stream(body)
    }

    /// The events of all of the caller's jobs.
    pub(super) fn all_events(self: &Arc<Self>, asker: &Asker) -> Response<Body> {
        let (sender, body) = mpsc::channel(1);
        let app = Arc::clone(self);
        let (caller, base) = (asker.caller.clone(), asker.base.clone());
        tokio::spawn(async move {
            let stream = Stream {
                app: &app,
                base: &base,
                form: Form::Native,
                sender,
            };
            // Whoever hung up needs no reason.
            let _ = stream.all_jobs(&caller).await;
        });
        stream(body)
    }
}

/// The reader has gone.
struct Gone;

/// How a stream shows a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As `GET /v1/jobs/{id}` does.
    Native,
    /// As its monitor does, to whoever was given the link.
    Monitor,
}

struct Stream<'a> {
    app: &'a App,
    base: &'a str,
    form: Form,
    sender: mpsc::Sender<Bytes>,
}

impl Stream<'_> {
    async fn one_job(&self, view: View) -> Result<(), Gone> {
        self.send(RETRY.into()).await?;
        let Some(live) = view.live.clone() else {
            return self.send(self.event(&view, true).await).await;
        };
        let mut changes = live.watch();
        let mut last = view;
        let _hold = loop {
            let now = changes.borrow_and_update().clone();
            let Some(job) = now else {
                return self.send(self.deleted(&last.job).await).await;
            };
            last = View {
                job,
                live: Some(Arc::clone(&live)),
            };
            self.send(self.event(&last, true).await).await?;
            if last.job.is_terminal() {
                break self.app.engine.hold(&last.job);
            }
            while !self.news(changes.changed()).await? {}
        };
        Ok(())
    }

    async fn all_jobs(&self, caller: &Caller) -> Result<(), Gone> {
        self.send(RETRY.into()).await?;
        // Registered before the present state is looked at, so that no change is between the two.
        let follower = self.app.engine.follow(caller);
        for view in self.app.engine.active(caller) {
            self.send(self.event(&view, false).await).await?;
        }
        loop {
            let next = follower.next();
            tokio::pin!(next);
            let news = loop {
                tokio::select! {
                    news = &mut next => break news,
                    () = tokio::time::sleep(HEARTBEAT) => self.send(":\n\n".into()).await?,
                    () = self.sender.closed() => return Err(Gone),
                    () = self.app.engine.stopping() => return Ok(()),
                }
            };
            let Some(news) = news else { return Ok(()) };
            let event = match news {
                News::Changed(seq) => match self.app.engine.look(caller, seq).await {
                    Some(view) => self.event(&view, false).await,
                    // That it is gone comes next.
                    None => continue,
                },
                News::Forgotten(Forgotten { seq, id, last }) => match last {
                    Some(job) => self.deleted(&job).await,
                    None => {
                        deleted(&json!({ "id": id.to_string(), "seq": seq.0, "status": DELETED }))
                    }
                },
            };
            self.send(event).await?;
        }
    }

    /// Waits for a change; false if it was time for a heartbeat instead.
    async fn news<T>(&self, change: impl Future<Output = T>) -> Result<bool, Gone> {
        tokio::select! {
            _ = change => Ok(true),
            () = tokio::time::sleep(HEARTBEAT) => self.send(":\n\n".into()).await.map(|()| false),
            () = self.sender.closed() => Err(Gone),
            () = self.app.engine.stopping() => Err(Gone),
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), Gone> {
        self.sender.send(bytes).await.map_err(|_| Gone)
    }

    async fn event(&self, view: &View, with_id: bool) -> Bytes {
        let id = if with_id {
            format!("id: {}\n", version(&view.job))
        } else {
            String::new()
        };
        let json = match self.form {
            Form::Native => self.app.job_bytes(view, self.base).await,
            Form::Monitor => self.app.monitored(view).await,
        };
        match json {
            Ok(json) => format!(
                "event: job\n{id}data: {}\n\n",
                String::from_utf8_lossy(&json)
            )
            .into(),
            // The next change may be readable again.
            Err(_) => ":\n\n".into(),
        }
    }

    async fn deleted(&self, last: &Job) -> Bytes {
        if self.form == Form::Monitor {
            return deleted(&json!({ "status": DELETED }));
        }
        let params = self.app.engine.params(last).await;
        let params = params.unwrap_or_else(|_| "{}".into());
        let json = native::deleted_job(last, &params, &self.app.links(last, self.base));
        deleted(&String::from_utf8_lossy(&json))
    }
}

fn deleted(json: &dyn Display) -> Bytes {
    format!("event: deleted\ndata: {json}\n\n").into()
}

fn version(job: &Job) -> String {
    format!("{:x}", job.version.0)
}

fn stream(body: mpsc::Receiver<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Events(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
