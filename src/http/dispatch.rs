//! Answers a request: finds its route, authenticates it, and calls the handler of the route.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::time::Instant;

use crate::http::app::{App, RequestContext};
use crate::http::auth::access::unauthorized;
use crate::http::auth::cors;
use crate::http::auth::guard::{Admission, RequestFacts};
use crate::http::metrics::requests::NO_ROUTE;
use crate::http::request::request_body::RequestBody;
use crate::http::request::request_id::X_REQUEST_ID;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::options;
use crate::http::routing::route::{Call, nothing_here};
use crate::http::routing::router::{RouteError, Target};
use crate::http::routing::table;
use crate::http::server::activity::Activity;
use crate::http::server::request_log::{RequestLog, logs_all_requests, logs_refusal};
use crate::http::server::timeouts::Ending;
use crate::tokens::Grant;

/// Where a request has arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    /// The local address of the connection; `None` for a Unix socket.
    pub(crate) local: Option<IpAddr>,
    /// The path below which another server serves this one, and which is removed from the request; mostly empty.
    pub(crate) below: &'a str,
}

/// A request that has been answered.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    /// When a streamed response is cut off.
    pub(crate) ending: Option<Ending>,
    /// The line of the log, if the request is logged. It is written when it is dropped.
    pub(crate) log: Option<Box<RequestLog>>,
}

impl App {
    /// Answers a request.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<RequestBody>,
        arrival: Arrival<'_>,
        activity: &Arc<Activity>,
    ) -> Answered {
        let started = Instant::now();
        let id = self.request_ids.of(request.headers());
        let (request, body) = request.into_parts();
        let facts = RequestFacts {
            request: &request,
            local: arrival.local,
            has_tokens: self.access.has_tokens(),
        };
        let target = self.route(&request);
        let counters = self.requests.of(target.as_ref().ok());
        let log = |target: &_| Box::new(log(&id, &request, target, started));
        let mut line = logs_all_requests().then(|| log(&target));
        let mut origin = None;
        let answer = match self.guard.check(&facts) {
            Ok(admission) => {
                origin = admission.origin;
                self.authorize_and_answer(
                    &request,
                    body,
                    target,
                    &admission,
                    (facts.has_tokens, arrival.below, activity),
                    line.as_deref_mut(),
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
            Err(problem) => (self.refusal(&problem, &request), None),
        };
        let status = response.status();
        counters.count(&request.method, status);
        if line.is_none() && logs_refusal(status) {
            line = Some(log(&self.route(&request)));
        }
        if let Some(line) = &mut line {
            line.set_status(status);
        }
        response.headers_mut().insert(X_REQUEST_ID, id);
        if self.guard.allows_origins() {
            cors::add(&mut response, origin);
        }
        Answered {
            response,
            ending,
            log: line,
        }
    }

    /// Rejects a request on a connection beyond the limit.
    pub(crate) fn too_many_connections(&self, request: Request<RequestBody>) -> Answered {
        let started = Instant::now();
        let (request, _) = request.into_parts();
        let detail = "The server has reached its limit on connections. Close idle connections, then try again.";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let problem = Problem::new(status, "too_many_connections", detail).retry_after(1);
        let id = self.request_ids.of(&request.headers);
        let target = self.route(&request);
        let counters = self.requests.of(target.as_ref().ok());
        counters.count(&request.method, status);
        let mut response = self.refusal(&problem, &request);
        let log = logs_all_requests().then(|| {
            let mut line = log(&id, &request, &target, started);
            line.set_status(response.status());
            Box::new(line)
        });
        response.headers_mut().insert(X_REQUEST_ID, id);
        Answered {
            response,
            ending: None,
            log,
        }
    }

    /// The route of a request. Custom routes come last.
    pub(crate) fn route<'a>(&self, request: &'a Parts) -> Result<Target<'a>, RouteError> {
        let (method, path) = (&request.method, request.uri.path());
        match self.router.find(method, path) {
            Ok(found) => Ok(Target::Listed(found)),
            Err(RouteError::NotFound) => match self.routes.endpoint_at(method, path) {
                Some(Ok(endpoint)) => Ok(Target::Custom(endpoint)),
                Some(Err(allowed)) => Err(RouteError::method(method, allowed)),
                None => Err(RouteError::NotFound),
            },
            Err(error) => Err(error),
        }
    }

    /// Authenticates a request that the guard has admitted, and answers it.
    async fn authorize_and_answer(
        self: &Arc<Self>,
        request: &Parts,
        body: RequestBody,
        target: Result<Target<'_>, RouteError>,
        admission: &Admission<'_>,
        (has_tokens, below, activity): (bool, &str, &Arc<Activity>),
        line: Option<&mut RequestLog>,
    ) -> Result<(Response<Body>, Grant), Problem> {
        if let (true, Err(RouteError::Options(allowed))) = (admission.is_preflight, &target) {
            return Ok((cors::preflight(allowed), Grant::Open));
        }
        let (caller, grant) = self.access.admit(request, admission, has_tokens)?;
        if let Some(line) = line {
            line.set_token(caller.name());
        }
        let context = RequestContext {
            caller,
            base: self.guard.base(admission.host, below),
            may_have_side_effects: admission.may_have_side_effects,
            activity: Arc::clone(activity),
        };
        let response = match target {
            Ok(target) => tokio::select! {
                biased;
                answer = self.dispatch(request, body, target, &context) => answer,
                // A request whose token is revoked while it waits is rejected.
                () = self.access.ended(&grant) => Err(unauthorized()),
            },
            Err(RouteError::NotFound) => Err(nothing_here()),
            Err(RouteError::Method(allowed)) => Err(Problem::method(allowed)),
            Err(RouteError::Options(allowed)) => Ok(options(allowed)),
        };
        Ok((response?, grant))
    }

    async fn dispatch(
        self: &Arc<Self>,
        request: &Parts,
        body: RequestBody,
        target: Target<'_>,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        match target {
            Target::Listed(found) => {
                let call = Call {
                    request,
                    body,
                    param: found.param,
                    context,
                };
                (table::route(found.id).handler)(self, call).await
            }
            Target::Custom(endpoint) => self.custom(request, body, endpoint, context).await,
        }
    }

    /// The error response, in the format of the API that the path belongs to.
    pub(crate) fn refusal(&self, problem: &Problem, request: &Parts) -> Response<Body> {
        let own = table::served(&self.dialects).find_map(|api| (api.refusal)(problem, request));
        own.unwrap_or_else(|| problem.response(request.uri.path()))
    }
}

/// The line of the log about a request.
fn log(
    id: &HeaderValue,
    request: &Parts,
    target: &Result<Target<'_>, RouteError>,
    started: Instant,
) -> RequestLog {
    let route = match target {
        Ok(Target::Listed(found)) => table::route(found.id).template,
        Ok(Target::Custom(endpoint)) => endpoint.template(),
        Err(_) => NO_ROUTE,
    };
    RequestLog::new(id, &request.method, route, started)
}
