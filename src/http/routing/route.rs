//! Routes and APIs: the entries of the tables.

use std::pin::Pin;
use std::sync::Arc;

use http::Response;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::config::Dialect;
use crate::engine;
use crate::http::request::request_body::RequestBody;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::routing::router::Verb;
use crate::http::{App, RequestContext};
use crate::job::JobId;
use crate::operations::OperationSpec;

/// A request to one route.
pub(crate) struct Call<'a> {
    /// The head of the request.
    pub(crate) request: &'a Parts,
    /// The body of the request.
    pub(crate) body: RequestBody,
    /// The segment in place of the template's parameter; empty if the template has none.
    pub(crate) param: &'a str,
    /// The client, and the base URL of links.
    pub(crate) context: &'a RequestContext,
}

impl Call<'_> {
    /// The job id in the path.
    ///
    /// # Errors
    /// 404 if it is malformed, as for ids of jobs that do not exist.
    pub(crate) fn job_id(&self) -> Result<JobId, Problem> {
        let id = self.param.parse();
        id.map_err(|_| engine::Error::NotFound.into())
    }

    /// The UUID of a job in the path.
    ///
    /// # Errors
    /// 404 if it is malformed.
    pub(crate) fn job_uuid(&self) -> Result<JobId, Problem> {
        JobId::from_uuid(self.param).ok_or_else(nothing_here)
    }

    /// The number in the path.
    ///
    /// # Errors
    /// 404 if it is malformed.
    pub(crate) fn number(&self) -> Result<i64, Problem> {
        self.param.parse().map_err(|_| nothing_here())
    }
}

/// 404: no route has the path.
pub(crate) fn nothing_here() -> Problem {
    Problem::not_found("There is nothing at this address.")
}

/// The response, as it is being made.
pub(crate) type Answer<'a> =
    Pin<Box<dyn Future<Output = Result<Response<Body>, Problem>> + Send + 'a>>;

/// A function that answers requests; see the macro `handler`.
pub(crate) type Handler = for<'a> fn(&'a Arc<App>, Call<'a>) -> Answer<'a>;

/// Makes a [`Handler`] of an async function that takes the app, the call and the given arguments.
macro_rules! handler {
    ($function:path $(, $argument:expr)*) => {
        |app, call| Box::pin($function(app, call $(, $argument)*))
    };
}

/// What the OpenAPI document says about a route besides its id, tag and summary.
#[derive(Clone, Copy)]
pub(crate) enum Details {
    /// The description, parameters, request body and replies.
    Fixed(fn() -> Value),
    /// The same for each operation. The path, in place of `{name}`, and the id end in the name of the operation.
    ByOperation(fn(&OperationSpec) -> Value),
}

/// One route.
pub(crate) struct Route {
    /// The methods that it answers.
    pub(crate) verb: Verb,
    /// The path, with the name of its parameter in braces. It has at most one.
    pub(crate) template: &'static str,
    /// The function that answers requests.
    pub(crate) handler: Handler,
    /// The `operationId` in the OpenAPI document.
    pub(crate) id: &'static str,
    /// One line without a full stop.
    pub(crate) summary: &'static str,
    /// The tag that groups it.
    pub(crate) tag: &'static str,
    /// The rest of its description.
    pub(crate) details: Details,
}

/// The native API or a dialect.
pub(crate) struct Api {
    /// The dialect; none for the native API, which is always served.
    pub(crate) dialect: Option<Dialect>,
    /// All routes.
    pub(crate) routes: &'static [Route],
    /// Whether a segment can be the value of a path parameter. If not, the path does not exist.
    pub(crate) accepts: fn(&str) -> bool,
    /// Maps other spellings of a path to the path in the table; returns the paths of other APIs unchanged.
    pub(crate) canonical: Option<fn(&str) -> &str>,
    /// The response to a problem, if the path is the API's and its errors have their own format.
    pub(crate) refusal: fn(&Problem, &Parts) -> Option<Response<Body>>,
    /// The tags of the OpenAPI document, with their descriptions.
    pub(crate) tags: &'static [(&'static str, &'static str)],
    /// The schemas of the OpenAPI document.
    pub(crate) schemas: fn() -> Map<String, Value>,
}
