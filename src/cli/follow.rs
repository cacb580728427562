//! Waits for a job to finish and shows its progress.

use http::Method;
use serde_json::Value;

use crate::cli::client::{Client, Error, WithEtag};
use crate::cli::progress::ProgressReporter;

/// Waits until a job is finished. `seen` is the job's last known state with its ETag. While the server is unreachable,
/// requests are retried within the client's retry budget.
///
/// # Errors
/// The server stays unreachable for too long, or the job is deleted meanwhile.
pub(super) async fn follow(
    client: &Client,
    seen: WithEtag,
    progress: &mut ProgressReporter,
) -> Result<Value, Error> {
    let (mut job, mut tag) = seen;
    let id = job["id"].as_str().unwrap_or_default().to_owned();
    let path = format!("/v1/jobs/{id}?wait=20s");
    let mut budget = client.retry_budget();
    if job["finishedAt"].is_null() {
        // The next state may be far away.
        progress.job(&job);
    }
    while job["finishedAt"].is_null() {
        let seen = tag.clone().unwrap_or_default();
        let headers = [("if-none-match", seen.as_str())];
        let (update, new_tag) = match client.json(Method::GET, &path, &headers, None).await {
            Ok(answer) => answer,
            Err(error) if error.is_not_found() => return Err(Error::Deleted),
            Err(error) => {
                budget.wait(error, progress).await?;
                continue;
            }
        };
        budget.renew();
        tag = new_tag;
        if !update.is_null() {
            job = update;
        }
        if job["error"].is_null() {
            progress.job(&job);
        }
    }
    Ok(job)
}
