//! `wait`, `get`, `log`: follow a job and fetch its result or its log.

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use crate::cli::client::{Client, WithEtag};
use crate::cli::destination::DestinationArgs;
use crate::cli::follow::follow;
use crate::cli::outcome::{job_failed, success};
use crate::cli::output::Output;
use crate::cli::progress::{ProgressArgs, ProgressReporter};
use crate::cli::remote::connection::RetryFor;
use crate::cli::remote::job::Job;
use crate::cli::remote::print::Format;
use crate::cli::save::save;
use crate::cli::{EXIT_FAILED, Failure};

#[derive(clap::Args)]
pub(in crate::cli) struct Wait {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    retry_for: RetryFor,
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Get {
    #[command(flatten)]
    destination: DestinationArgs,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    retry_for: RetryFor,
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Log {
    /// Keep printing new lines until the job has finished.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    job: Job,
}

impl Wait {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (client, path) = self.job.find().await?;
        let client = self.retry_for.apply(client);
        let seen = client.json(Method::GET, &path, &[], None).await?;
        let mut progress = self.progress.reporter();
        let hint = |job: &Value| self.job.log_hint(job);
        wait(&client, seen, &mut progress, &self.format, hint).await
    }
}

/// Waits for a job and says what became of it. `hint` names the command that prints the job's log.
pub(in crate::cli::remote) async fn wait(
    client: &Client,
    seen: WithEtag,
    progress: &mut ProgressReporter,
    format: &Format,
    hint: impl Fn(&Value) -> String,
) -> Result<(), Failure> {
    let ended = follow(client, seen, progress).await;
    progress.end();
    let job = ended?;
    if format.is_json() {
        format.print_new_job(&job)?;
    }
    if job["status"] == "succeeded" {
        progress.print_message(&success(&job));
        Ok(())
    } else {
        Err(job_failed(client, &job, Some(&hint(&job))).await)
    }
}

impl Get {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let destination = self.destination.check()?;
        let (client, path) = self.job.find().await?;
        let client = self.retry_for.apply(client);
        let (job, _) = client.json(Method::GET, &path, &[], None).await?;
        if job["finishedAt"].is_null() {
            let id = job["id"].as_str().unwrap_or_default();
            let message = format!("the job has not finished; run `cloakroom wait {id}` first");
            return Err(Failure::new(EXIT_FAILED, message));
        }
        if job["status"] != "succeeded" {
            let hint = self.job.log_hint(&job);
            return Err(job_failed(&client, &job, Some(&hint)).await);
        }
        let mut progress = self.progress.reporter();
        let saved = save(&client, &job, &destination, &mut progress).await;
        progress.end();
        saved
    }
}

impl Log {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let query = if self.follow { "?follow" } else { "" };
        let (client, path) = self.job.find().await?;
        let path = format!("{path}/log{query}");
        let response = client.bytes(&path, &[], StatusCode::OK).await?;
        let mut body = response.into_body();
        let mut output = Output::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(|error| client.lost(error))?.into_data() {
                output.write(&data)?;
            }
        }
        output.end()?;
        Ok(())
    }
}
