//! Waiting for a job, and showing how far it is.

use http::Method;
use serde_json::Value;

use super::client::Client;
use super::progress::Show;
use super::{EXIT_FAILED, Failure};

/// Waits for a job's end; `seen` is the job as it was last, and its ETag.
pub(super) async fn follow(
    client: &Client,
    seen: (Value, Option<String>),
    show: &mut Show,
) -> Result<Value, Failure> {
    let (mut job, mut tag) = seen;
    let path = format!(
        "/v1/jobs/{}?wait=20s",
        job["id"].as_str().unwrap_or_default()
    );
    while job["finishedAt"].is_null() {
        let seen = tag.unwrap_or_default();
        let headers = [("if-none-match", seen.as_str())];
        let (news, new_tag) = client.json(Method::GET, &path, &headers, None).await?;
        tag = new_tag;
        if !news.is_null() {
            job = news;
        }
        if job["error"].is_null() {
            show.job(&job);
        }
    }
    Ok(job)
}

/// Why a job that did not succeed has no result.
pub(super) fn job_failed(job: &Value) -> Failure {
    let error = &job["error"];
    let message = match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        _ => format!("the job is {}", job["status"].as_str().unwrap_or("gone")),
    };
    Failure::new(EXIT_FAILED, message)
}
