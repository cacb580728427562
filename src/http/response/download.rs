//! Responses with the result of a job.

use std::sync::Arc;

use http::header::HeaderMap;
use http::{Method, Response, StatusCode};

use crate::engine::Engine;
use crate::http::response::body::Body;
use crate::http::response::content::{Content, respond};
use crate::http::response::problem::Problem;
use crate::http::response::result_stream::{DownloadBudget, ResultStream};
use crate::job::{Job, Status};

/// The downloads of one server, which share a budget.
pub(crate) struct Downloads {
    engine: Arc<Engine>,
    budget: Arc<DownloadBudget>,
}

impl Downloads {
    /// Downloads of the results of `engine`, with a budget of their own.
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            budget: Arc::default(),
        }
    }

    /// A response with the whole result of a job.
    ///
    /// # Errors
    /// See [`Downloads::result`].
    pub(crate) async fn whole(&self, job: &Job) -> Result<Response<Body>, Problem> {
        self.result(job, &Method::GET, &HeaderMap::new()).await
    }

    /// A response with the part of a job's result that the request asks for.
    ///
    /// # Errors
    /// - 404 if the job has no result, not yet or no longer
    /// - 412 if `If-Match` does not name the result's entity tag
    /// - 416 if the range lies outside of the result
    /// - 503 if the store fails
    pub(crate) async fn result(
        &self,
        job: &Job,
        method: &Method,
        request: &HeaderMap,
    ) -> Result<Response<Body>, Problem> {
        let Some(output) = job.output() else {
            return Err(without_result(job));
        };
        // Without a result the answer is 404, whatever the conditions are.
        let download = self.engine.download(job).await?.ok_or_else(result_gone)?;
        let content = Content {
            size: output.size,
            media_type: &output.media_type,
            filename: &output.filename,
            sha256: Some(&output.sha256),
        };
        respond(&content, method, request, |selected| {
            let is_whole = selected.status == StatusCode::OK && *method == Method::GET;
            let (range, budget) = (selected.range.clone(), Arc::clone(&self.budget));
            Ok(Body::Result(ResultStream::new(
                download, range, is_whole, budget,
            )))
        })
    }
}

fn result_gone() -> Problem {
    let detail = "The result is gone: it was submitted with keep=false and has been downloaded, or its output file \
                  was changed or removed.";
    Problem::new(StatusCode::NOT_FOUND, "result_gone", detail)
}

/// The problem of a job that has no result, not yet or no longer.
fn without_result(job: &Job) -> Problem {
    if job.status() == Status::Succeeded {
        return result_gone();
    }
    let status = job.status().as_str();
    if job.is_terminal() {
        let detail = format!("The job is {status} and has no result.");
        return Problem::new(StatusCode::NOT_FOUND, "no_result", detail);
    }
    let detail = format!("The job is {status} and has no result yet.");
    Problem::new(StatusCode::NOT_FOUND, "result_not_ready", detail).retry_after(1)
}
