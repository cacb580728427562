//! Addresses and words of the operator's own, answered from the engine.

use http::header::LOCATION;
use http::request::Parts;
use http::{Response, StatusCode};
use hyper::body::Incoming;

use super::body::Body;
use super::dialects::custom::{Call, Published, What};
use super::problem::Problem;
use super::reply::{self, header};
use super::{App, Asker};
use crate::engine::View;
use crate::job::{Name, Seq};

impl App {
    /// Answers a call.
    pub(super) async fn custom(
        &self,
        request: &Parts,
        body: Incoming,
        call: Call,
        asker: &Asker,
    ) -> Result<Response<Body>, Problem> {
        let of = &call.of;
        match call.what {
            What::Submit => {
                let operation = &of.operation;
                let taken = self.take_on(request, body, operation, Name::Seq, asker);
                let view = taken.await?;
                let location = format!("{}{}", self.own_path(), of.status.of(view.job.seq));
                let mut response = reply::empty(StatusCode::ACCEPTED);
                let headers = response.headers_mut();
                headers.insert(LOCATION, header(&location));
                if !view.job.is_terminal() {
                    reply::retry_after(headers);
                }
                Ok(response)
            }
            What::Status(seq) => {
                let view = self.published(of, seq, asker).await?;
                let body = of.job(&view.job, self.own_path()).to_string();
                let mut response = reply::json(StatusCode::OK, body.into());
                if !view.job.is_terminal() {
                    reply::retry_after(response.headers_mut());
                }
                Ok(response)
            }
            What::Result(seq) => {
                let view = self.published(of, seq, asker).await?;
                self.download(request, &view, asker).await
            }
        }
    }

    /// A job of the operation that is published there; others are not there.
    async fn published(&self, of: &Published, seq: Seq, asker: &Asker) -> Result<View, Problem> {
        let view = self.engine.at(&asker.caller, seq).await?;
        if *view.job.operation == *of.operation {
            Ok(view)
        } else {
            Err(Problem::not_found("That is a job of another operation."))
        }
    }

    /// What a link without a host begins with: the path that a proxy takes off, if there is one.
    pub(super) fn own_path(&self) -> &str {
        let url = self.guard.public_url();
        url.map_or("", |url| url.path())
    }
}
