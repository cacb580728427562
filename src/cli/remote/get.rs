//! `wait`, `get`, `log`: follow a job and fetch its result or its log.

use std::path::PathBuf;

use http::{Method, StatusCode};
use http_body_util::BodyExt;

use crate::cli::EXIT_FAILED;
use crate::cli::Failure;
use crate::cli::follow::{follow, job_failed};
use crate::cli::output::Output;
use crate::cli::progress::ProgressReporter;
use crate::cli::remote::Retry;
use crate::cli::remote::Server;
use crate::cli::remote::job_path;
use crate::cli::save::save;

#[derive(clap::Args)]
pub(in crate::cli) struct Wait {
    /// The job's ID.
    id: String,
    /// Do not show progress.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Get {
    /// The job's ID.
    id: String,
    /// Where to save the result; "-" for stdout [default: the result's own name in the current folder].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Do not show progress.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Log {
    /// The job's ID.
    id: String,
    /// Keep printing until the job has finished.
    #[arg(short, long)]
    follow: bool,
    #[command(flatten)]
    server: Server,
}

impl Wait {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.retry.apply(self.server.client()?);
        let path = job_path(&self.id)?;
        let seen = client.json(Method::GET, &path, &[], None).await?;
        let mut show = ProgressReporter::new(self.quiet);
        let ended = follow(&client, seen, &mut show).await;
        show.end();
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
        let client = self.retry.apply(self.server.client()?);
        let path = job_path(&self.id)?;
        let (job, _) = client.json(Method::GET, &path, &[], None).await?;
        if job["finishedAt"].is_null() {
            let message = format!(
                "the job has not finished; run `cloakroom wait {}` first",
                self.id
            );
            return Err(Failure::new(EXIT_FAILED, message));
        }
        if job["status"] != "succeeded" {
            return Err(job_failed(&job));
        }
        let mut show = ProgressReporter::new(self.quiet);
        let saved = save(&client, &job, self.output.as_deref(), &mut show).await;
        show.end();
        saved
    }
}

impl Log {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let query = if self.follow { "?follow" } else { "" };
        let path = format!("{}/log{query}", job_path(&self.id)?);
        let client = self.server.client()?;
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
