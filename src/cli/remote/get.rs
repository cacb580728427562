//! `wait`, `get`, `log`: follow a job and fetch its result or its log.

use std::path::PathBuf;

use http::{Method, StatusCode};
use http_body_util::BodyExt;

use crate::cli::follow::{follow, job_failed};
use crate::cli::output::Output;
use crate::cli::progress::ProgressArgs;
use crate::cli::remote::connection::RetryFor;
use crate::cli::remote::job::Job;
use crate::cli::save::save;
use crate::cli::{EXIT_FAILED, Failure};

#[derive(clap::Args)]
pub(in crate::cli) struct Wait {
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    retry_for: RetryFor,
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Get {
    /// File to save the result to, or "-" for stdout [default: the result's own name in the current folder].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
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
        let client = self.retry_for.apply(self.job.client()?);
        let path = self.job.path()?;
        let seen = client.json(Method::GET, &path, &[], None).await?;
        let mut progress = self.progress.reporter();
        let ended = follow(&client, seen, &mut progress).await;
        progress.end();
        let job = ended?;
        if job["status"] == "succeeded" {
            Ok(())
        } else {
            Err(job_failed(&job))
        }
    }
}

impl Get {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.retry_for.apply(self.job.client()?);
        let path = self.job.path()?;
        let (job, _) = client.json(Method::GET, &path, &[], None).await?;
        if job["finishedAt"].is_null() {
            let message = format!(
                "the job has not finished; run `cloakroom wait {}` first",
                self.job.id
            );
            return Err(Failure::new(EXIT_FAILED, message));
        }
        if job["status"] != "succeeded" {
            return Err(job_failed(&job));
        }
        let mut progress = self.progress.reporter();
        let saved = save(&client, &job, self.output.as_deref(), &mut progress).await;
        progress.end();
        saved
    }
}

impl Log {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let query = if self.follow { "?follow" } else { "" };
        let path = format!("{}/log{query}", self.job.path()?);
        let client = self.job.client()?;
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
