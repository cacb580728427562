//! The handlers of the routes that the operator has configured.

use http::header::LOCATION;
use http::request::Parts;
use http::{Response, StatusCode};

use crate::engine::View;
use crate::http::dialects::custom::wire::{Action, CustomRoute, Endpoint};
use crate::http::request::request_body::RequestBody;
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::{App, RequestContext};
use crate::job::{JobIdFormat, Seq};

impl App {
    /// Answers a request to a configured route.
    pub(crate) async fn custom(
        &self,
        request: &Parts,
        body: RequestBody,
        endpoint: Endpoint,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let route = &endpoint.route;
        match endpoint.action {
            Action::Submit => {
                let operation = &route.operation;
                let submitted =
                    self.submit_request(request, body, operation, JobIdFormat::Seq, context);
                let view = submitted.await?;
                let status_path = route.status.path_of(view.job.seq);
                let location = format!("{}{status_path}", context.base_path());
                let mut response = response::empty(StatusCode::ACCEPTED);
                let headers = response.headers_mut();
                headers.insert(LOCATION, header(&location));
                if !view.job.is_terminal() {
                    response::retry_after(headers);
                }
                Ok(response)
            }
            Action::Status(seq) => {
                let view = self.job_of_route(route, seq, context).await?;
                let body = route.job(&view.job, context.base_path()).to_string();
                let mut response = response::json(StatusCode::OK, body.into());
                if !view.job.is_terminal() {
                    response::retry_after(response.headers_mut());
                }
                Ok(response)
            }
            Action::Result(seq) => {
                let view = self.job_of_route(route, seq, context).await?;
                self.download(request, &view, context).await
            }
        }
    }

    /// The job with this number.
    ///
    /// # Errors
    /// 404 if there is no such job, or if it is a job of another operation.
    async fn job_of_route(
        &self,
        route: &CustomRoute,
        seq: Seq,
        context: &RequestContext,
    ) -> Result<View, Problem> {
        let view = self.engine.at(&context.caller, seq).await?;
        if *view.job.operation == *route.operation {
            Ok(view)
        } else {
            Err(Problem::not_found(format!(
                "Job {} is not a {:?} job.",
                seq.0, route.operation
            )))
        }
    }
}
