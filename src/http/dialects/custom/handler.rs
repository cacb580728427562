//! Addresses and words of the operator's own, answered from the engine.

use http::header::LOCATION;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use crate::engine::View;
use crate::http::dialects::custom::wire::{Action, Endpoint, Published};
use crate::http::response::body::Body;
use crate::http::response::problem::Problem;
use crate::http::response::reply as response;
use crate::http::response::reply::header;
use crate::http::{App, RequestContext};
use crate::job::{JobIdFormat, Seq};

impl App {
    /// Answers a call.
    pub(crate) async fn custom(
        &self,
        request: &Parts,
        body: Incoming,
        call: Endpoint,
        context: &RequestContext,
    ) -> Result<Response<Body>, Problem> {
        let of = &call.of;
        match call.what {
            Action::Submit => {
                let operation = &of.operation;
                let taken = self.take_on(request, body, operation, JobIdFormat::Seq, context);
                let view = taken.await?;
                let location = format!("{}{}", self.own_path(), of.status.of(view.job.seq));
                let mut response = response::empty(StatusCode::ACCEPTED);
                let headers = response.headers_mut();
                headers.insert(LOCATION, header(&location));
                if !view.job.is_terminal() {
                    response::retry_after(headers);
                }
                Ok(response)
            }
            Action::Status(seq) => {
                let view = self.published(of, seq, context).await?;
                let body = of.job(&view.job, self.own_path()).to_string();
                let mut response = response::json(StatusCode::OK, body.into());
                if !view.job.is_terminal() {
                    response::retry_after(response.headers_mut());
                }
                Ok(response)
            }
            Action::Result(seq) => {
                let view = self.published(of, seq, context).await?;
                self.download(request, &view, context).await
            }
        }
    }

    /// A job of the operation that is published there; others are not there.
    async fn published(
        &self,
        of: &Published,
        seq: Seq,
        context: &RequestContext,
    ) -> Result<View, Problem> {
        let view = self.engine.at(&context.caller, seq).await?;
        if *view.job.operation == *of.operation {
            Ok(view)
        } else {
            Err(Problem::not_found("That is a job of another operation."))
        }
    }

    /// What a link without a host begins with: the path that a proxy takes off, if there is one.
    pub(crate) fn own_path(&self) -> &str {
        let url = self.guard.public_url();
        url.map_or("", |url| url.path())
    }
}
