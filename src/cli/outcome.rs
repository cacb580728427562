//! Says what became of a finished job.

use bytesize::ByteSize;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::{EXIT_FAILED, Failure};

/// Most lines of stderr to show.
const STDERR_LINES: usize = 10;
/// Longest log to read, in bytes; the server keeps less.
const LOG_BYTES: usize = 1 << 20;

/// The failure of a command whose job did not succeed. `hint` names the command that prints the whole log, if there is one.
pub(super) async fn job_failed(client: &Client, job: &Value, hint: Option<&str>) -> Failure {
    Failure::new(EXIT_FAILED, explanation(client, job, hint).await)
}

/// Explains why a job did not succeed: the error, the last lines of stderr, the ID, and how to see the log.
pub(super) async fn explanation(client: &Client, job: &Value, hint: Option<&str>) -> String {
    let error = &job["error"];
    let mut text = match (error["code"].as_str(), error["message"].as_str()) {
        (Some(code), Some(message)) => format!("{message} ({code})"),
        // Only a canceled job has no error.
        _ => format!(
            "the job was {}",
            job["status"].as_str().unwrap_or("deleted")
        ),
    };
    if !error.is_null() {
        let stderr = match error["innererror"]["stderr"].as_str() {
            Some(stderr) => stderr.to_owned(),
            None => log(client, job).await,
        };
        let lines = last_lines(&stderr);
        if !lines.is_empty() {
            text.push_str("\nstderr:");
        }
        for line in lines {
            text.push_str("\n  ");
            text.push_str(line);
        }
    }
    if let Some(hint) = hint {
        let id = job["id"].as_str().unwrap_or_default();
        text.push_str(&format!("\njob {id}: {hint}"));
    }
    text
}

/// One line about a job that succeeded.
pub(super) fn success(job: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, output) = (text(&job["id"]), &job["output"]);
    let size = ByteSize(output["size"].as_u64().unwrap_or_default()).display();
    match output["path"].as_str() {
        Some(path) => format!("job {id} succeeded: saved {path} on the server ({size})"),
        None => format!("job {id} succeeded: {} ({size})", text(&output["filename"])),
    }
}

/// The log of a job that failed without the end of its stderr, for example because it ran out of time. Empty if the log
/// cannot be read: the failure is what the user must know.
async fn log(client: &Client, job: &Value) -> String {
    let path = format!("/v1/jobs/{}/log", job["id"].as_str().unwrap_or_default());
    let Ok(response) = client.bytes(&path, &[], StatusCode::OK).await else {
        return String::new();
    };
    let body = Limited::new(response.into_body(), LOG_BYTES).collect();
    match client.in_time(async { Ok(body.await) }).await {
        Ok(Ok(body)) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        _ => String::new(),
    }
}

/// The last lines of a text. Of a line that was overwritten with carriage returns, only the last state counts.
fn last_lines(text: &str) -> Vec<&str> {
    let lines = text.trim_end().rsplit('\n');
    let visible = lines.map(|line| line.trim_end().rsplit('\r').next().unwrap_or_default());
    let mut last: Vec<_> = visible.take(STDERR_LINES).collect();
    last.reverse();
    last.retain(|line| !line.is_empty());
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_ten_lines_are_shown_without_overwritten_text() {
        let many: Vec<_> = (0..20).map(|n| format!("line {n}")).collect();
        let many = many.join("\n");
        let lines = last_lines(&many);
        assert_eq!(
            (lines.len(), lines[0], lines[9]),
            (10, "line 10", "line 19")
        );
        assert_eq!(last_lines("10%\r20%\r\nend\r\n"), ["20%", "end"]);
        assert!(last_lines("").is_empty());
    }
}
