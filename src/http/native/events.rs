//! Server-sent events: one job, or all of them. The present state first, then each change; the latest wins for a slow
//! reader.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc;

use crate::engine::{Caller, Forgotten, JobEvent, View};
use crate::http::response::body::Body;
use crate::http::response::large::{SERVER_BUSY, SMALL_BYTES};
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::{App, RequestContext};
use crate::job::Job;

/// Sent when nothing else is, so that neither side takes the other for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What the client waits before it asks again, in milliseconds.
const RETRY: &str = "retry: 2000\n\n";

/// What there is to say of a job that was forgotten.
const DELETED: &str = "deleted";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
pub(crate) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

impl App {
    /// The events of one job, until it has ended or is gone.
    pub(crate) fn job_events(
        self: &Arc<Self>,
        request: &Parts,
        view: View,
        base: &str,
        form: EventFormat,
    ) -> Response<Body> {
        let seen = request
            .headers
            .get(LAST_EVENT_ID)
            .and_then(|value| value.to_str().ok());
        if view.job.is_terminal() && seen == Some(&version(&view.job)) {
            return response::no_content();
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
    pub(crate) fn all_events(self: &Arc<Self>, context: &RequestContext) -> Response<Body> {
        let (sender, body) = mpsc::channel(1);
        let app = Arc::clone(self);
        let (caller, base) = (context.caller.clone(), context.base.clone());
        tokio::spawn(async move {
            let stream = Stream {
                app: &app,
                base: &base,
                form: EventFormat::Native,
                sender,
            };
            // Whoever hung up needs no reason.
            let _ = stream.all_jobs(&caller).await;
        });
        stream(body)
    }
}

/// The reader has gone.
struct SubscriberGone;

/// How a stream shows a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventFormat {
    /// As `GET /v1/jobs/{id}` does.
    Native,
    /// As its monitor does, to whoever was given the link.
    Monitor,
}

struct Stream<'a> {
    app: &'a App,
    base: &'a str,
    form: EventFormat,
    sender: mpsc::Sender<Bytes>,
}

impl Stream<'_> {
    async fn one_job(&self, view: View) -> Result<(), SubscriberGone> {
        self.send(RETRY.into()).await?;
        let Some(live) = view.live.clone() else {
            return self.show(&view, true).await;
        };
        let mut changes = live.watch();
        let mut last = view;
        let _hold = loop {
            let now = changes.borrow_and_update().clone();
            let Some(job) = now else {
                return self.deleted(&last.job).await;
            };
            last = View {
                job,
                live: Some(Arc::clone(&live)),
            };
            self.show(&last, true).await?;
            if last.job.is_terminal() {
                break self.app.engine.hold(&last.job);
            }
            while !self.news(changes.changed()).await? {}
        };
        Ok(())
    }

    async fn all_jobs(&self, caller: &Caller) -> Result<(), SubscriberGone> {
        self.send(RETRY.into()).await?;
        // Registered before the present state is looked at, so that no change is between the two.
        let follower = self.app.engine.subscribe(caller);
        for view in self.app.engine.active(caller) {
            self.show(&view, false).await?;
        }
        loop {
            let next = follower.next();
            tokio::pin!(next);
            let news = loop {
                tokio::select! {
                    news = &mut next => break news,
                    () = tokio::time::sleep(HEARTBEAT) => self.send(":\n\n".into()).await?,
                    () = self.sender.closed() => return Err(SubscriberGone),
                    () = self.app.engine.stopping() => return Ok(()),
                }
            };
            let Some(news) = news else { return Ok(()) };
            match news {
                JobEvent::Changed(seq) => {
                    // Else the next event is that it is gone.
                    if let Some(view) = self.app.engine.peek(caller, seq).await {
                        self.show(&view, false).await?;
                    }
                }
                JobEvent::Forgotten(Forgotten { seq, id, last }) => {
                    if let Some(job) = last {
                        self.deleted(&job).await?;
                    } else {
                        let json = json!({ "id": id.to_string(), "seq": seq.0, "status": DELETED });
                        self.event("event: deleted\n", json.to_string()).await?;
                    }
                }
            }
        }
    }

    /// Waits for a change; false if it was time for a heartbeat instead.
    async fn news<T>(&self, change: impl Future<Output = T>) -> Result<bool, SubscriberGone> {
        tokio::select! {
            _ = change => Ok(true),
            () = tokio::time::sleep(HEARTBEAT) => self.send(":\n\n".into()).await.map(|()| false),
            () = self.sender.closed() => Err(SubscriberGone),
            () = self.app.engine.stopping() => Err(SubscriberGone),
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), SubscriberGone> {
        self.sender.send(bytes).await.map_err(|_| SubscriberGone)
    }

    /// Sends an event: in one piece, unless that would copy much.
    async fn event(&self, head: &str, json: impl Into<Bytes>) -> Result<(), SubscriberGone> {
        let json = json.into();
        let (begin, end) = (format!("{head}data: "), "\n\n");
        if json.len() <= SMALL_BYTES {
            let event = [begin.as_bytes(), &json, end.as_bytes()].concat();
            return self.send(event.into()).await;
        }
        self.send(begin.into()).await?;
        self.send(json).await?;
        self.send(end.into()).await
    }

    /// Sends a job as it is.
    async fn show(&self, view: &View, with_id: bool) -> Result<(), SubscriberGone> {
        let head = if with_id {
            format!("event: job\nid: {}\n", version(&view.job))
        } else {
            "event: job\n".to_owned()
        };
        let json = || async {
            match self.form {
                EventFormat::Native => self.app.job_bytes(view, self.base).await,
                EventFormat::Monitor => self.app.monitored(view).await,
            }
        };
        match self.patiently(json).await? {
            Some(json) => self.event(&head, json).await,
            // The next change may be readable again.
            None => self.send(":\n\n".into()).await,
        }
    }

    async fn deleted(&self, last: &Job) -> Result<(), SubscriberGone> {
        let json = match self.form {
            EventFormat::Monitor => Some(json!({ "status": DELETED }).to_string().into()),
            EventFormat::Native => {
                let json = || self.app.deleted_bytes(last, self.base);
                self.patiently(json).await?
            }
        };
        match json {
            Some(json) => self.event("event: deleted\n", json).await,
            None => Ok(()),
        }
    }

    /// What `make` makes, however long others take to read theirs; none if it cannot be made.
    async fn patiently<F>(&self, make: impl Fn() -> F) -> Result<Option<Bytes>, SubscriberGone>
    where
        F: Future<Output = Result<Bytes, Problem>>,
    {
        loop {
            match make().await {
                Ok(bytes) => return Ok(Some(bytes)),
                // It has waited a while for its turn.
                Err(problem) if problem.code() == SERVER_BUSY => {
                    if self.sender.is_closed() || self.app.engine.is_stopping() {
                        return Err(SubscriberGone);
                    }
                }
                Err(_) => return Ok(None),
            }
        }
    }
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
