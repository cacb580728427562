//! Answers a request: finds its route, authenticates it, and calls the handler of the route.

use crate::http::auth::cors;
use crate::http::dashboard;
use crate::http::dialects::{deltaxml, onedrive};
use crate::http::metrics::requests;
use crate::http::native::{events, health};
use crate::http::request::query;
use crate::http::response::body::Body;
use crate::http::routing::route;
use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::config::Dialect;
use crate::engine::{self, Submission, View, WaitFor};
use crate::http::app::{App, RequestContext};
use crate::http::auth::guard::{Admission, RequestFacts};
use crate::http::native::wire as native;
use crate::http::response::conditions::Seen;
use crate::http::response::problem::Problem;
use crate::http::response::reply::{json, not_modified, options};
use crate::http::routing::route::{Route, RouteError};
use crate::http::server::activity::Activity;
use crate::http::server::timeouts::Ending;
use crate::job::{Job, JobOptions};
use crate::tokens::Grant;

impl App {
    /// Answers a request that was received on the address `local`, or on a Unix socket if there is none. A streamed
    /// response comes with the [`Ending`] at which it is cut off.
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
        let route = self.route(&request);
        let metrics = self.traffic.of(route.as_ref().ok().map(Route::template));
        let mut origin = None;
        let answer = match self.guard.check(&facts) {
            Ok(admission) => {
                origin = admission.origin;
                self.authorize_and_answer(
                    &request,
                    body,
                    route,
                    &admission,
                    (facts.has_tokens, activity),
                )
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
        requests::count(metrics, &request.method, response.status());
        if self.guard.allows_origins() {
            cors::add(&mut response, origin);
        }
        (response, ending)
    }

    /// The route of a request.
    pub(in crate::http) fn route(&self, request: &Parts) -> Result<Route, RouteError> {
        let path = request.uri.path();
        route::route(&request.method, path, &self.dialects)
            .or_else(|error| route::custom(error, &request.method, path, &self.routes))
    }

    /// Authenticates a request that the guard has admitted, and answers it.
    pub(in crate::http) async fn authorize_and_answer(
        self: &Arc<Self>,
        request: &Parts,
        body: Incoming,
        route: Result<Route, RouteError>,
        admission: &Admission<'_>,
        (has_tokens, activity): (bool, &Arc<Activity>),
    ) -> Result<(Response<Body>, Grant), Problem> {
        if let (true, Err(RouteError::Options(allowed))) = (admission.is_preflight, &route) {
            return Ok((cors::preflight(allowed), Grant::Open));
        }
        let (caller, grant) = self.access.admit(request, admission, has_tokens)?;
        let context = RequestContext {
            caller,
            base: self.guard.base(admission.host),
            may_have_side_effects: admission.may_have_side_effects,
            activity: Arc::clone(activity),
        };
        let response = match route {
            Ok(route) => tokio::select! {
                biased;
                answer = self.dispatch(request, body, route, &context) => answer,
                // A request whose token is revoked while it waits is rejected.
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

    pub(in crate::http) async fn dispatch(
        self: &Arc<Self>,
        request: &Parts,
        body: Incoming,
        route: Route,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let RequestContext { caller, base, .. } = context;
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
            Route::Submit(operation) => self.submit(request, body, &operation, context).await,
            Route::Job(id) => {
                let seen = Seen::of(&request.headers);
                let wait_for = match seen {
                    None => Some(WaitFor::Terminal),
                    Some(Seen::Version(version)) => Some(WaitFor::ChangeFrom(version)),
                    // `*` matches every version, so there is no change to wait for.
                    Some(Seen::Any) => None,
                };
                let view = match (query::wait(request)?, wait_for) {
                    (Some(timeout), Some(wait_for)) => {
                        self.engine.wait(caller, id, wait_for, timeout).await?
                    }
                    _ => self.engine.get(caller, id).await?,
                };
                if seen.is_some_and(|seen| seen.has(view.job.version)) {
                    return Ok(not_modified(&view));
                }
                self.job(StatusCode::OK, &view, base).await
            }
            Route::Jobs => self.list(request, context).await,
            Route::Events => Ok(self.all_events(context)),
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
                // Deleting the job deletes its params too, so the response is rendered first.
                let job = self.engine.get(caller, id).await?.job;
                let bytes = self.deleted_bytes(&job, base).await?;
                self.engine.delete(caller, id).await?;
                Ok(json(StatusCode::OK, bytes))
            }
            Route::Driveonweb(endpoint) => self.driveonweb(request, endpoint, context).await,
            Route::Onedrive(endpoint) => self.onedrive(request, body, endpoint, context).await,
            Route::Deltaxml(endpoint) => self.deltaxml(request, body, endpoint, context).await,
            Route::Custom(endpoint) => self.custom(request, body, endpoint, context).await,
            Route::Monitor(token) => self.monitor(&token, "", context).await,
            Route::MonitorEvents(token) => {
                let view = self.engine.monitored(&token).await?;
                Ok(self.job_events(request, view, base, events::EventFormat::Monitor))
            }
            Route::MonitorResult(token) => {
                let view = self.engine.monitored(&token).await?;
                self.download(request, &view, context).await
            }
            Route::Session => self.access.session(request, &self.guard),
            Route::Download(id) => {
                let view = match query::wait(request)? {
                    Some(timeout) => {
                        self.engine
                            .wait(caller, id, WaitFor::Terminal, timeout)
                            .await?
                    }
                    None => self.engine.get(caller, id).await?,
                };
                self.download(request, &view, context).await
            }
        }
    }

    /// Sends a result. Cross-site navigation and prefetching must not consume a one-time result.
    pub(in crate::http) async fn download(
        &self,
        request: &Parts,
        view: &View,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        if !context.may_have_side_effects && !view.job.options.keep {
            let detail =
                "A page of another origin may not fetch a result that goes once it is fetched.";
            return Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail));
        }
        self.downloads
            .result(&view.job, &request.method, &request.headers)
            .await
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

    /// Submits a job with default options.
    pub(in crate::http) async fn submit_with_defaults(
        &self,
        operation: &str,
        params: serde_json::Value,
        context: &RequestContext,
    ) -> Result<View, Problem> {
        let submission = Submission {
            token: context.caller.name().cloned(),
            operation: operation.to_owned(),
            params,
            uploads: None,
            options: JobOptions::default(),
            key: None,
        };
        Ok(self.engine.submit(submission).await?)
    }

    /// The error response, in the format of the dialect that the path belongs to.
    pub(in crate::http) fn refusal(&self, problem: Problem, request: &Parts) -> Response<Body> {
        let path = request.uri.path();
        if let Some(product) = route::deltaxml_product(path, &self.dialects) {
            deltaxml::handler::refusal(&problem, product, &request.headers)
        } else if !self.dialects.has(Dialect::Onedrive) {
            problem.response(path)
        } else if onedrive::wire::is_onedrive_path(path) {
            onedrive::handler::refusal(&problem)
        } else if path.starts_with("/monitor/") {
            let error = onedrive::handler::error(&problem);
            problem.with_error(error).response(path)
        } else {
            problem.response(path)
        }
    }
}
