//! The state that answers requests, and which handler answers each.

use crate::http::auth::cors;
use crate::http::dialects::{deltaxml, onedrive};
use crate::http::metrics::requests;
use crate::http::native::{events, health};
use crate::http::request::query;
use crate::http::response::{body::Body, download};
use crate::http::routing::route;
use crate::http::{dashboard, metrics, openapi};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::config::{Config, Dialect, Dialects};
use crate::engine::{self, Caller, Engine, Submission, View, WaitFor};
use crate::http::auth::access::Access;
use crate::http::auth::guard::{Admission, Guard, RequestFacts};
use crate::http::dialects::custom::wire::Routes;
use crate::http::metrics::requests::RequestMetrics;
use crate::http::native::wire as native;
use crate::http::request::params::Bounds;
use crate::http::response::conditions::Seen;
use crate::http::response::large::LargeBodies;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{json, not_modified, options};
use crate::http::routing::route::{Route, RouteError};
use crate::http::server::activity::Activity;
use crate::http::server::timeouts::Ending;
use crate::http::webhook::Webhooks;
use crate::job::{Job, JobOptions};
use crate::tokens::{Grant, Tokens};

/// Who asks for something, as the handlers see it.
pub(in crate::http) struct RequestContext {
    /// On whose behalf.
    pub(in crate::http) caller: Caller,
    /// What links in the answer begin with.
    pub(in crate::http) base: String,
    /// Whether the request may have side effects; see [`Admission::may_have_side_effects`].
    pub(in crate::http) may_have_side_effects: bool,
    /// The connection that it came through.
    pub(in crate::http) activity: Arc<Activity>,
}

/// What answers requests.
pub(crate) struct App {
    pub(in crate::http) engine: Arc<Engine>,
    pub(in crate::http) guard: Guard,
    pub(in crate::http) access: Access,
    pub(in crate::http) bounds: Bounds,
    pub(in crate::http) dialects: Dialects,
    pub(in crate::http) routes: Routes,
    pub(in crate::http) openapi: Bytes,
    pub(in crate::http) traffic: RequestMetrics,
    pub(in crate::http) large: LargeBodies,
}

impl App {
    /// Puts one together, for whoever shows one of `tokens`; for anybody if there are none.
    pub(crate) fn new(engine: Arc<Engine>, config: &Config, tokens: Arc<Tokens>) -> Self {
        let webhooks = Webhooks {
            outside: engine.outbound_access().clone(),
            secrets: config.callbacks.secrets.clone(),
        };
        engine.set_callback_sender(Arc::new(webhooks));
        let base = config.public_url.as_ref().map(ToString::to_string);
        let base = base.as_deref().unwrap_or("/");
        let routes = Routes::new(config.served_routes());
        let openapi =
            openapi::document::document(engine.registry(), &config.dialects, &routes, base);
        metrics::begin();
        Self {
            engine,
            guard: Guard::new(config),
            access: Access::new(tokens, config.outbound().private),
            traffic: RequestMetrics::new(&openapi),
            openapi: openapi.to_string().into(),
            dialects: config.dialects.clone(),
            routes,
            large: LargeBodies::default(),
            bounds: Bounds {
                params: config.limits.params_bytes,
                upload: config.limits.upload_bytes,
                idle_timeout: config.limits.body_idle_timeout,
            },
        }
    }

    /// Answers a request that came in on the address `local`, or through a Unix socket. A reply that streams is cut at its
    /// ending.
    pub(in crate::http) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        local: Option<IpAddr>,
        activity: &Arc<Activity>,
    ) -> (Response<Body>, Option<Ending>) {
        let (request, body) = request.into_parts();
        let facts = RequestFacts {
            request: &request,
            local,
            has_tokens: self.access.has_tokens(),
        };
        let found = self.route(&request);
        let numbers = self.traffic.of(found.as_ref().ok().map(Route::template));
        let mut origin = None;
        let answer = match self.guard.check(&facts) {
            Ok(pass) => {
                origin = pass.origin;
                self.let_in(&request, body, found, &pass, (facts.has_tokens, activity))
                    .await
            }
            Err(problem) => Err(problem),
        };
        let (mut response, ending) = match answer {
            Ok((response, grant)) => {
                let is_whole = matches!(response.body(), Body::Full(_));
                let ending = (!is_whole).then(|| self.access.ending(grant));
                (response, ending)
            }
            Err(problem) => (self.refusal(problem, &request), None),
        };
        requests::count(numbers, &request.method, response.status());
        if self.guard.allows_origins() {
            cors::add(&mut response, origin);
        }
        (response, ending)
    }

    /// What is asked for.
    pub(in crate::http) fn route(&self, request: &Parts) -> Result<Route, RouteError> {
        let path = request.uri.path();
        route::route(&request.method, path, &self.dialects)
            .or_else(|miss| route::custom(miss, &request.method, path, &self.routes))
    }

    /// Finds out who asks.
    pub(in crate::http) async fn let_in(
        self: &Arc<Self>,
        request: &Parts,
        body: Incoming,
        route: Result<Route, RouteError>,
        pass: &Admission<'_>,
        (has_tokens, activity): (bool, &Arc<Activity>),
    ) -> Result<(Response<Body>, Grant), Problem> {
        if let (true, Err(RouteError::Options(allowed))) = (pass.is_preflight, &route) {
            return Ok((cors::preflight(allowed), Grant::Open));
        }
        let (caller, grant) = self.access.admit(request, pass, has_tokens)?;
        let asker = RequestContext {
            caller,
            base: self.guard.base(pass.host),
            may_have_side_effects: pass.may_have_side_effects,
            activity: Arc::clone(activity),
        };
        let response = match route {
            Ok(route) => tokio::select! {
                biased;
                answer = self.try_answer(request, body, route, &asker) => answer,
                // Whoever waits with a token that is gone waits no longer.
                () = self.access.ended(&grant) => Err(crate::http::auth::access::unauthorized()),
            },
            Err(RouteError::NotFound) => {
                Err(Problem::not_found("There is nothing at this address."))
            }
            Err(RouteError::NoJob) => Err(engine::Error::NotFound.into()),
            Err(RouteError::Method(allowed)) => Err(Problem::method(allowed)),
            Err(RouteError::Options(allowed)) => Ok(options(allowed)),
        };
        Ok((response?, grant))
    }

    pub(in crate::http) async fn try_answer(
        self: &Arc<Self>,
        request: &Parts,
        body: Incoming,
        route: Route,
        asker: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let RequestContext { caller, base, .. } = asker;
        match route {
            Route::Dashboard => Ok(dashboard::page()),
            Route::Health => Ok(health::alive()),
            Route::Ready => self.ready().await.map(|()| health::ready()),
            Route::Metrics => self.metrics(request, caller).await,
            Route::OpenApi => Ok(json(StatusCode::OK, self.openapi.clone())),
            Route::Operations => Ok(self.operations(base)),
            Route::Operation(name) => match self.engine.registry().get(&name) {
                Some((_, operation)) => {
                    let value = native::operation(&operation.description, base);
                    Ok(json(StatusCode::OK, value.to_string().into()))
                }
                None => Err(Problem::not_found(format!(
                    "There is no operation named {name:?}."
                ))),
            },
            Route::Submit(operation) => self.submit(request, body, &operation, asker).await,
            Route::Job(id) => {
                let seen = Seen::of(&request.headers);
                let until = match seen {
                    None => Some(WaitFor::Terminal),
                    Some(Seen::Version(version)) => Some(WaitFor::ChangeFrom(version)),
                    // No change makes it another version than any.
                    Some(Seen::Any) => None,
                };
                let view = match (query::wait(request)?, until) {
                    (Some(patience), Some(until)) => {
                        self.engine.wait(caller, id, until, patience).await?
                    }
                    _ => self.engine.get(caller, id).await?,
                };
                if seen.is_some_and(|seen| seen.has(view.job.version)) {
                    return Ok(not_modified(&view));
                }
                self.job(StatusCode::OK, &view, base).await
            }
            Route::Jobs => self.list(request, asker).await,
            Route::Events => Ok(self.all_events(asker)),
            Route::JobEvents(id) => {
                let view = self.engine.get(caller, id).await?;
                Ok(self.job_events(request, view, base, events::EventFormat::Native))
            }
            Route::Log(id) => {
                let view = self.engine.get(caller, id).await?;
                self.log(request, caller, view).await
            }
            Route::Retry(id) => {
                let view = self.engine.retry(caller, id).await?;
                self.ticket(&view, base).await
            }
            Route::Cancel(id) => {
                let view = self.engine.cancel(caller, id).await?;
                let status = if view.job.is_terminal() {
                    StatusCode::OK
                } else {
                    StatusCode::ACCEPTED
                };
                self.job(status, &view, base).await
            }
            Route::Delete(id) => {
                // Its params are gone with it.
                let job = self.engine.get(caller, id).await?.job;
                let bytes = self.deleted_bytes(&job, base).await?;
                self.engine.delete(caller, id).await?;
                Ok(json(StatusCode::OK, bytes))
            }
            Route::Driveonweb(call) => self.driveonweb(request, call, asker).await,
            Route::Onedrive(call) => self.onedrive(request, body, call, asker).await,
            Route::Deltaxml(call) => self.deltaxml(request, body, call, asker).await,
            Route::Custom(call) => self.custom(request, body, call, asker).await,
            Route::Monitor(token) => self.monitor(&token, "", asker).await,
            Route::MonitorEvents(token) => {
                let view = self.engine.monitored(&token).await?;
                Ok(self.job_events(request, view, base, events::EventFormat::Monitor))
            }
            Route::MonitorResult(token) => {
                let view = self.engine.monitored(&token).await?;
                self.download(request, &view, asker).await
            }
            Route::Session => self.access.session(request, &self.guard),
            Route::Download(id) => {
                let view = match query::wait(request)? {
                    Some(patience) => {
                        self.engine
                            .wait(caller, id, WaitFor::Terminal, patience)
                            .await?
                    }
                    None => self.engine.get(caller, id).await?,
                };
                self.download(request, &view, asker).await
            }
        }
    }

    /// A result. Whoever was led here, or only looks ahead, must not use up one that is not kept.
    pub(in crate::http) async fn download(
        &self,
        request: &Parts,
        view: &View,
        asker: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        if !asker.may_have_side_effects && !view.job.options.keep {
            let detail =
                "A page of another origin may not fetch a result that goes once it is fetched.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail));
        }
        download::result(&self.engine, &view.job, &request.method, &request.headers).await
    }

    pub(in crate::http) fn operations(&self, base: &str) -> Response<Body> {
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

    pub(in crate::http) fn links<'a>(&self, job: &Job, base: &'a str) -> native::Links<'a> {
        native::Links {
            base,
            token: self.engine.monitor_token(job),
        }
    }

    /// Takes on a job of which nothing is wished but the work.
    pub(in crate::http) async fn begin(
        &self,
        operation: &str,
        params: serde_json::Value,
        asker: &RequestContext,
    ) -> Result<View, Problem> {
        let submission = Submission {
            token: asker.caller.name().cloned(),
            operation: operation.to_owned(),
            params,
            uploads: None,
            options: JobOptions::default(),
            key: None,
        };
        Ok(self.engine.submit(submission).await?)
    }

    /// What a client is told that something is wrong with, in the words of the address that it asked at.
    pub(in crate::http) fn refusal(&self, problem: Problem, request: &Parts) -> Response<Body> {
        let path = request.uri.path();
        if let Some(product) = route::deltaxml_product(path, &self.dialects) {
            deltaxml::handler::refusal(&problem, product, &request.headers)
        } else if !self.dialects.has(Dialect::Onedrive) {
            problem.response(path)
        } else if onedrive::wire::is_ours(path) {
            onedrive::handler::refusal(&problem)
        } else if path.starts_with("/monitor/") {
            let error = onedrive::handler::error(&problem);
            problem.with_error(error).response(path)
        } else {
            problem.response(path)
        }
    }
}
