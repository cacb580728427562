//! HTTP/1.1: the accept loop with its limits, and one function that answers a request.

mod body;
mod dialects;
mod download;
mod guard;
mod pace;
mod params;
mod problem;
mod route;
mod server;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, LINK, LOCATION, RETRY_AFTER,
};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::config::Config;
use crate::engine::{Engine, Submission, Until, View};

use crate::job::{Job, Version};
pub use body::Body;
use dialects::native;
use dialects::onedrive::{self, Monitor};
use guard::Guard;
use problem::Problem;
use route::{Miss, Route};
pub use server::Server;

/// The longest that a request waits for a job.
const WAIT_AT_MOST: Duration = Duration::from_secs(55);

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const OPERATION_LOCATION: HeaderName = HeaderName::from_static("operation-location");

/// What answers requests.
pub struct App {
    engine: Arc<Engine>,
    guard: Guard,
    params_bytes: usize,
    body_idle_time: Duration,
}

impl App {
    /// Puts one together.
    pub fn new(engine: Arc<Engine>, config: &Config) -> Self {
        let guard = Guard {
            hosts: config.hosts.clone(),
        };
        Self {
            engine,
            guard,
            params_bytes: config.limits.params_bytes,
            body_idle_time: config.limits.body_idle_time,
        }
    }

    /// Answers a request that came in on the address `local`.
    pub async fn answer(&self, request: Request<Incoming>, local: IpAddr) -> Response<Body> {
        let (request, body) = request.into_parts();
        match self.try_answer(&request, body, local).await {
            Ok(response) => response,
            Err(problem) => problem.response(request.uri.path()),
        }
    }

    async fn try_answer(
        &self,
        request: &Parts,
        body: Incoming,
        local: IpAddr,
    ) -> Result<Response<Body>, Problem> {
        let host = self.guard.check(request, local)?;
        let base = format!("http://{host}");
        let route = match route::route(&request.method, request.uri.path()) {
            Ok(route) => route,
            Err(Miss::NotFound) => {
                return Err(Problem::not_found("There is nothing at this address."));
            }
            Err(Miss::Method(allowed)) => return Err(Problem::method(allowed)),
            Err(Miss::Options(allowed)) => return Ok(options(allowed)),
        };
        match route {
            Route::Health => Ok(json(
                StatusCode::OK,
                Bytes::from_static(br#"{"status":"ok"}"#),
            )),
            Route::Operations => Ok(self.operations(&base)),
            Route::Operation(name) => match self.engine.registry().get(&name) {
                Some((_, operation)) => {
                    let value = native::operation(&operation.description, &base);
                    Ok(json(StatusCode::OK, value.to_string().into()))
                }
                None => Err(Problem::not_found(format!(
                    "There is no operation named {name:?}."
                ))),
            },
            Route::Submit(operation) => {
                let params = params::read(
                    &request.headers,
                    body,
                    self.params_bytes,
                    self.body_idle_time,
                )
                .await?;
                let view = self
                    .engine
                    .submit(Submission {
                        token: None,
                        operation,
                        params,
                    })
                    .await?;
                self.accepted(&view, &base).await
            }
            Route::Job(id) => {
                let view = match patience(request)? {
                    Some(patience) => {
                        let until = seen_version(request).map_or(Until::Ended, Until::Not);
                        self.engine.wait(id, until, patience).await?
                    }
                    None => self.engine.get(id).await?,
                };
                if seen_version(request) == Some(view.job.version) {
                    return Ok(not_modified(&view));
                }
                self.job(StatusCode::OK, &view, &base).await
            }
            Route::Cancel(id) => {
                let view = self.engine.cancel(id).await?;
                let status = if view.job.is_terminal() {
                    StatusCode::OK
                } else {
                    StatusCode::ACCEPTED
                };
                self.job(status, &view, &base).await
            }
            Route::Delete(id) => {
                // Its params may be gone with it.
                let job = self.engine.get(id).await?.job;
                let params = self.engine.params(&job).await?;
                let job = self.engine.delete(id).await?;
                let bytes = native::deleted_job(&job, &params, &self.links(&job, &base));
                Ok(json(StatusCode::OK, bytes.into()))
            }
            Route::Monitor(token) => self.monitor(&token, &base).await,
            Route::MonitorResult(token) => {
                let view = self.engine.monitored(&token).await?;
                download::whole(&self.engine, &view.job)
            }
            Route::Download(id) => {
                let view = match patience(request)? {
                    Some(patience) => self.engine.wait(id, Until::Ended, patience).await?,
                    None => self.engine.get(id).await?,
                };
                download::whole(&self.engine, &view.job)
            }
        }
    }

    fn operations(&self, base: &str) -> Response<Body> {
        let all: Vec<_> = self
            .engine
            .registry()
            .iter()
            .map(|(_, o)| native::operation(&o.description, base))
            .collect();
        json(
            StatusCode::OK,
            serde_json::json!({ "operations": all }).to_string().into(),
        )
    }

    fn links<'a>(&self, job: &Job, base: &'a str) -> native::Links<'a> {
        native::Links {
            base,
            token: self.engine.monitor_token(job),
        }
    }

    /// A job to whoever was given its monitor link.
    async fn monitor(&self, token: &str, base: &str) -> Result<Response<Body>, Problem> {
        let view = self.engine.monitored(token).await?;
        let reply = |status, value: serde_json::Value| json(status, value.to_string().into());
        Ok(match onedrive::monitor(&view.job) {
            Monitor::Pending(value) => {
                let mut response = reply(StatusCode::ACCEPTED, value);
                response.headers_mut().insert(RETRY_AFTER, 1.into());
                response
            }
            Monitor::Completed(value) => {
                let mut response = reply(StatusCode::SEE_OTHER, value);
                let url = format!("{base}/monitor/{token}/result");
                response.headers_mut().insert(LOCATION, header(&url));
                response
            }
            Monitor::Failed(value) => reply(StatusCode::OK, value),
        })
    }

    async fn accepted(&self, view: &View, base: &str) -> Result<Response<Body>, Problem> {
        let mut response = self.job(StatusCode::ACCEPTED, view, base).await?;
        let links = self.links(&view.job, base);
        let url = links.job(&view.job);
        let monitor = links.monitor();
        let link = header(&format!(
            "<{url}>; rel=\"status\", <{monitor}>; rel=\"monitor\""
        ));
        let url = header(&url);
        let headers = response.headers_mut();
        headers.insert(LOCATION, url.clone());
        headers.insert(OPERATION_LOCATION, url);
        headers.insert(LINK, link);
        headers.insert(RETRY_AFTER, 1.into());
        Ok(response)
    }

    /// A job, from the bytes that were made for its version if there are any.
    async fn job(
        &self,
        status: StatusCode,
        view: &View,
        base: &str,
    ) -> Result<Response<Body>, Problem> {
        let params = self.engine.params(&view.job).await?;
        let make = || native::job(&view.job, &params, &self.links(&view.job, base)).into();
        let bytes = match &view.live {
            Some(live) => live.rendered(view.job.version, base, make),
            None => make(),
        };
        let mut response = json(status, bytes);
        add_version(&mut response, view);
        Ok(response)
    }
}

/// How long a request is willing to wait. HEAD never waits.
fn patience(request: &Parts) -> Result<Option<Duration>, Problem> {
    let Some(text) = params::query(request, "wait") else {
        return Ok(None);
    };
    let patience = humantime::parse_duration(text).map_err(|e| {
        let detail = format!("wait={text} is not a duration like 20s: {e}.");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_query", detail)
    })?;
    Ok((request.method != Method::HEAD).then(|| patience.min(WAIT_AT_MOST)))
}

/// A JSON reply.
fn json(status: StatusCode, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::Full(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CACHE_CONTROL, NO_STORE);
    response
}

fn options(allowed: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

fn not_modified(view: &View) -> Response<Body> {
    let mut response = Response::new(Body::Full(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    add_version(&mut response, view);
    response
}

fn add_version(response: &mut Response<Body>, view: &View) {
    let headers = response.headers_mut();
    headers.insert(ETAG, header(&format!("W/\"{:x}\"", view.job.version.0)));
    if !view.job.is_terminal() {
        headers.insert(RETRY_AFTER, 1.into());
    }
}

/// The version that the client has, if it says so and it is one of ours.
fn seen_version(request: &Parts) -> Option<Version> {
    let tag = request
        .headers
        .get(http::header::IF_NONE_MATCH)?
        .to_str()
        .ok()?;
    let hex = tag
        .strip_prefix("W/")
        .unwrap_or(tag)
        .strip_prefix('"')?
        .strip_suffix('"')?;
    i64::from_str_radix(hex, 16).ok().map(Version)
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("made of URLs and identifiers, which are visible ASCII")
}
