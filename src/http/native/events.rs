//! Server-sent events about one job or all jobs: first the current state, then each change. A slow client skips the
//! states between two that it has read.

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

/// How often a silent stream sends a comment, so that neither side takes the connection for dead.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);
/// Makes the client wait 2000 milliseconds before it reconnects.
const RETRY_FIELD: &str = "retry: 2000\n\n";
/// A comment, which clients ignore.
const HEARTBEAT: &str = ":\n\n";

/// The status of a deleted job.
const DELETED: &str = "deleted";

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
pub(crate) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

impl App {
    /// Streams the events of one job until it ends or is deleted. A client that has the final state gets 204.
    pub(crate) fn job_events(
        self: &Arc<Self>,
        request: &Parts,
        view: View,
        base: &str,
        format: EventFormat,
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
            let stream = EventStream {
                app: &app,
                base: &base,
                format,
                sender,
            };
            // The stream ends without an error message when the client disconnects.
            let _ = stream.stream_job(view).await;
        });
        event_stream(body)
    }

    /// Streams the events of all jobs of the caller.
    pub(crate) fn all_events(self: &Arc<Self>, context: &RequestContext) -> Response<Body> {
        let (sender, body) = mpsc::channel(1);
        let app = Arc::clone(self);
        let (caller, base) = (context.caller.clone(), context.base.clone());
        tokio::spawn(async move {
            let stream = EventStream {
                app: &app,
                base: &base,
                format: EventFormat::Native(caller.clone()),
                sender,
            };
            // The stream ends without an error message when the client disconnects.
            let _ = stream.stream_all_jobs(&caller).await;
        });
        event_stream(body)
    }
}

/// The stream ends: the client has disconnected or the server is stopping.
struct StreamClosed;

/// The format of the jobs in a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EventFormat {
    /// The format of `GET /v1/jobs/{id}` for this caller.
    Native(Caller),
    /// The format of the job's monitor link, which shows less.
    Monitor,
}

/// A stream of events to one client.
struct EventStream<'a> {
    app: &'a App,
    base: &'a str,
    format: EventFormat,
    sender: mpsc::Sender<Bytes>,
}

impl EventStream<'_> {
    async fn stream_job(&self, view: View) -> Result<(), StreamClosed> {
        self.send(RETRY_FIELD.into()).await?;
        let Some(cached) = view.cached.clone() else {
            return self.send_job(&view, true).await;
        };
        let mut changes = cached.watch();
        let mut last = view;
        let _hold = loop {
            let now = changes.borrow_and_update().clone();
            let Some(job) = now else {
                return self.send_deleted(&last.job).await;
            };
            last = View {
                job,
                cached: Some(Arc::clone(&cached)),
            };
            self.send_job(&last, true).await?;
            if last.job.is_terminal() {
                break self.app.engine.hold(&last.job);
            }
            while !self.wait_for_change(changes.changed()).await? {}
        };
        Ok(())
    }

    async fn stream_all_jobs(&self, caller: &Caller) -> Result<(), StreamClosed> {
        self.send(RETRY_FIELD.into()).await?;
        // Subscribed before the current state is read, so that no change between the two is missed.
        let subscriber = self.app.engine.subscribe(caller);
        for view in self.app.engine.active(caller) {
            self.send_job(&view, false).await?;
        }
        loop {
            let next = subscriber.next();
            tokio::pin!(next);
            let event = loop {
                tokio::select! {
                    event = &mut next => break event,
                    () = tokio::time::sleep(HEARTBEAT_INTERVAL) => self.send(HEARTBEAT.into()).await?,
                    () = self.sender.closed() => return Err(StreamClosed),
                    () = self.app.engine.stopping() => return Ok(()),
                }
            };
            let Some(event) = event else { return Ok(()) };
            match event {
                JobEvent::Changed(seq) => {
                    // A job that is gone has a later event that says so.
                    if let Some(view) = self.app.engine.peek(caller, seq).await {
                        self.send_job(&view, false).await?;
                    }
                }
                JobEvent::Forgotten(Forgotten { seq, id, last }) => {
                    if let Some(job) = last {
                        self.send_deleted(&job).await?;
                    } else {
                        let json = json!({ "id": id.to_string(), "seq": seq.0, "status": DELETED });
                        self.send_event("event: deleted\n", json.to_string())
                            .await?;
                    }
                }
            }
        }
    }

    /// Waits for a change; false if it sent a heartbeat instead.
    async fn wait_for_change<T>(
        &self,
        change: impl Future<Output = T>,
    ) -> Result<bool, StreamClosed> {
        tokio::select! {
            _ = change => Ok(true),
            () = tokio::time::sleep(HEARTBEAT_INTERVAL) => self.send(HEARTBEAT.into()).await.map(|()| false),
            () = self.sender.closed() => Err(StreamClosed),
            () = self.app.engine.stopping() => Err(StreamClosed),
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<(), StreamClosed> {
        self.sender.send(bytes).await.map_err(|_| StreamClosed)
    }

    /// Sends an event. A large one is sent in pieces, so that its JSON is not copied.
    async fn send_event(&self, head: &str, json: impl Into<Bytes>) -> Result<(), StreamClosed> {
        let json = json.into();
        let (start, end) = (format!("{head}data: "), "\n\n");
        if json.len() <= SMALL_BYTES {
            let event = [start.as_bytes(), &json, end.as_bytes()].concat();
            return self.send(event.into()).await;
        }
        self.send(start.into()).await?;
        self.send(json).await?;
        self.send(end.into()).await
    }

    /// Sends the current state of a job.
    async fn send_job(&self, view: &View, with_id: bool) -> Result<(), StreamClosed> {
        let head = if with_id {
            format!("event: job\nid: {}\n", version(&view.job))
        } else {
            "event: job\n".to_owned()
        };
        let json = || async {
            match &self.format {
                EventFormat::Native(caller) => self.app.job_bytes(view, self.base, caller).await,
                EventFormat::Monitor => self.app.monitor_bytes(view).await,
            }
        };
        match self.retry_while_busy(json).await? {
            Some(json) => self.send_event(&head, json).await,
            // The state cannot be read. The next change may be readable.
            None => self.send(HEARTBEAT.into()).await,
        }
    }

    /// Sends that a job was deleted; `last` is its last state.
    async fn send_deleted(&self, last: &Job) -> Result<(), StreamClosed> {
        let json = match &self.format {
            EventFormat::Monitor => Some(json!({ "status": DELETED }).to_string().into()),
            EventFormat::Native(caller) => {
                let json = || self.app.deleted_bytes(last, self.base, caller);
                self.retry_while_busy(json).await?
            }
        };
        match json {
            Some(json) => self.send_event("event: deleted\n", json).await,
            None => Ok(()),
        }
    }

    /// Calls `make` until the limits on large bodies allow its result; `None` if it fails for another reason.
    async fn retry_while_busy<F>(&self, make: impl Fn() -> F) -> Result<Option<Bytes>, StreamClosed>
    where
        F: Future<Output = Result<Bytes, Problem>>,
    {
        loop {
            match make().await {
                Ok(bytes) => return Ok(Some(bytes)),
                // `make` has already waited, so there is no pause here.
                Err(problem) if problem.code() == SERVER_BUSY => {
                    if self.sender.is_closed() || self.app.engine.is_stopping() {
                        return Err(StreamClosed);
                    }
                }
                Err(_) => return Ok(None),
            }
        }
    }
}

/// The version of a job, as the id of its event.
fn version(job: &Job) -> String {
    format!("{:x}", job.version.0)
}

/// The response whose body is a stream of events.
fn event_stream(body: mpsc::Receiver<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::Events(body));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
