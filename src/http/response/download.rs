//! Responses with the result of a job.

use http::header::HeaderMap;
use http::{Method, Response, StatusCode};

use crate::engine::Engine;
use crate::http::response::body::Body;
use crate::http::response::content::{Content, respond};
use crate::http::response::problem::Problem;
use crate::http::response::result_stream::ResultStream;
use crate::job::{Job, Status};

/// A response with the whole result of a job.
///
/// # Errors
/// See [`result`].
pub(in crate::http) async fn whole(engine: &Engine, job: &Job) -> Result<Response<Body>, Problem> {
    result(engine, job, &Method::GET, &HeaderMap::new()).await
}

/// A response with the part of a job's result that the request asks for.
///
/// # Errors
/// - 404 if the job has no result, not yet or no longer
/// - 412 if `If-Match` does not name the result's entity tag
/// - 416 if the range lies outside of the result
/// - 503 if the store fails
pub(in crate::http) async fn result(
    engine: &Engine,
    job: &Job,
    method: &Method,
    request: &HeaderMap,
) -> Result<Response<Body>, Problem> {
    let Some(output) = job.output() else {
        return Err(without_result(job));
    };
    // Without a result the answer is 404, whatever the conditions are.
    let download = engine.download(job).await?.ok_or_else(gone)?;
    let content = Content {
        size: output.size,
        media_type: &output.media_type,
        filename: &output.filename,
        sha256: Some(&output.sha256),
    };
    respond(&content, method, request, |selected| {
        let is_whole = selected.status == StatusCode::OK && *method == Method::GET;
        let stream = ResultStream::new(download, selected.range.clone(), is_whole);
        Ok(Body::Result(stream))
    })
}

fn gone() -> Problem {
    let detail = "The result is gone: it was submitted with keep=false and has been downloaded, or its output file \
                  was changed or removed.";
    Problem::new(StatusCode::NOT_FOUND, "result_gone", detail)
}

fn without_result(job: &Job) -> Problem {
    if job.status() == Status::Succeeded {
        return gone();
    }
    let status = job.status().as_str();
    if job.is_terminal() {
        let detail = format!("The job is {status} and has no result.");
        return Problem::new(StatusCode::NOT_FOUND, "no_result", detail);
    }
    let detail = format!("The job is {status} and has no result yet.");
    Problem::new(StatusCode::NOT_FOUND, "result_not_ready", detail).retry_after(1)
}
