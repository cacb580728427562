//! Answers a request: finds its route, authenticates it, and calls the handler of the route.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::http::app::{App, RequestContext};
use crate::http::auth::access::unauthorized;
use crate::http::auth::cors;
use crate::http::auth::guard::{Admission, RequestFacts};
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply::options;
use crate::http::routing::route::{Call, nothing_here};
use crate::http::routing::router::{RouteError, Target};
use crate::http::routing::table;
use crate::http::server::activity::Activity;
use crate::http::server::timeouts::Ending;
use crate::tokens::Grant;

impl App {
    /// Answers a request that was received on the address `local`, or on a Unix socket if there is none. A streamed
    /// response comes with the [`Ending`] at which it is cut off.
    pub(crate) async fn answer(
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
        let target = self.route(&request);
        let counters = self.requests.of(target.as_ref().ok());
        let mut origin = None;
        let answer = match self.guard.check(&facts) {
            Ok(admission) => {
                origin = admission.origin;
                self.authorize_and_answer(
                    &request,
                    body,
                    target,
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
            Err(problem) => (self.refusal(&problem, &request), None),
        };
        counters.count(&request.method, response.status());
        if self.guard.allows_origins() {
            cors::add(&mut response, origin);
        }
        (response, ending)
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
        body: Incoming,
        target: Result<Target<'_>, RouteError>,
        admission: &Admission<'_>,
        (has_tokens, activity): (bool, &Arc<Activity>),
    ) -> Result<(Response<Body>, Grant), Problem> {
        if let (true, Err(RouteError::Options(allowed))) = (admission.is_preflight, &target) {
            return Ok((cors::preflight(allowed), Grant::Open));
        }
        let (caller, grant) = self.access.admit(request, admission, has_tokens)?;
        let context = RequestContext {
            caller,
            base: self.guard.base(admission.host),
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
        body: Incoming,
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
