//! `cloakroom run`: one job through HTTP, its result saved; on a server of its own, or on one that runs already.

use std::path::PathBuf;
use std::time::Duration;

use http::Method;

use crate::cli::client::{Client, WithEtag};
use crate::cli::follow::{follow, job_failed};
use crate::cli::progress::ProgressReporter;
use crate::cli::remote::{Access, Retry};
use crate::cli::run::local_server;
use crate::cli::run::local_server::LocalServer;
use crate::cli::save::save;
use crate::cli::signals::Signals;
use crate::cli::submission::{Submission, unknown_operation};
use crate::cli::{EXIT_FAILED, Failure};

/// How long a job that was canceled gets to stop.
pub(in crate::cli::run) const STOP_TIME: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(in crate::cli) struct Run {
    /// What to do: the name of an operation.
    pub(in crate::cli::run) operation: String,
    /// The operation's params. A name that comes twice is a list. Paths are this machine's; with --url they are the
    /// server's.
    #[arg(value_name = "NAME=VALUE")]
    pub(in crate::cli::run) params: Vec<String>,
    /// A document for the operation; with --url it is sent along. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    pub(in crate::cli::run) input: Vec<String>,
    /// Where to save the result; "-" for stdout [default: the result's own name, here].
    #[arg(short, long, value_name = "FILE")]
    pub(in crate::cli::run) output: Option<PathBuf>,
    /// Do it on the server at `http(s)://HOST[:PORT][/PATH]` or `unix:PATH`, instead of one of its own that is started
    /// for it. Of the environment CLOAKROOM_TOKEN and CLOAKROOM_CA count then; CLOAKROOM_URL never makes this choice.
    #[arg(long, value_name = "URL", conflicts_with = "data")]
    pub(in crate::cli::run) url: Option<String>,
    /// Keep the own server's data there; it is temporary otherwise.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli::run) data: Option<PathBuf>,
    /// Show no progress.
    #[arg(short, long)]
    pub(in crate::cli::run) quiet: bool,
    #[command(flatten, next_help_heading = "With --url")]
    pub(in crate::cli::run) access: Access,
    #[command(flatten)]
    pub(in crate::cli::run) retry: Retry,
}

impl Run {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let signals = Signals::new()
            .map_err(|e| Failure::new(EXIT_FAILED, format!("cannot handle signals: {e}")))?;
        let mut show = ProgressReporter::new(self.quiet);
        let done = match &self.url {
            Some(url) => {
                let client = self.retry.patient(self.access.client(url, None)?);
                self.there(&client, signals, &mut show).await
            }
            None => self.here(signals, &mut show).await,
        };
        show.end();
        done
    }

    /// On a server of its own, which ends with the job.
    pub(in crate::cli::run) async fn here(
        &self,
        signals: Signals,
        show: &mut ProgressReporter,
    ) -> Result<(), Failure> {
        let own = LocalServer::start(self.data.as_deref()).await?;
        let client = own.client();
        let done = async {
            let submitted = local_server::submit(self, &client).await?;
            self.see_through(&client, submitted, signals, show).await
        };
        let done = tokio::select! {
            done = done => done,
            failure = own.failure() => return Err(failure),
        };
        own.stop().await;
        done
    }

    /// On a server that runs already, and keeps the job and its result.
    pub(in crate::cli::run) async fn there(
        &self,
        client: &Client,
        mut signals: Signals,
        show: &mut ProgressReporter,
    ) -> Result<(), Failure> {
        let submission = Submission::new(&self.operation, &self.params, &self.input, None)?;
        let sent = tokio::select! {
            sent = submission.send(client, show) => sent,
            () = signals.next() => {
                let message = "interrupted before the server said that it has the job";
                return Err(Failure::new(EXIT_FAILED, message));
            }
        };
        match sent {
            Ok(submitted) => self.see_through(client, submitted, signals, show).await,
            Err(error) if error.is_not_found() => {
                Err(unknown_operation(client, &self.operation).await)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Follows a job to its end and saves its result; a signal cancels it.
    pub(in crate::cli::run) async fn see_through(
        &self,
        client: &Client,
        submitted: WithEtag,
        mut signals: Signals,
        show: &mut ProgressReporter,
    ) -> Result<(), Failure> {
        let id = submitted.0["id"].as_str().unwrap_or_default().to_owned();
        let ended = tokio::select! {
            ended = follow(client, submitted, show) => ended,
            () = signals.next() => {
                show.end();
                return Err(self.cancel(client, &id, signals).await);
            }
        };
        let job = ended.map_err(|error| {
            let goes_on = error.may_pass();
            self.left(error.into(), if goes_on { "wait" } else { "" }, &id)
        })?;
        if job["status"] != "succeeded" {
            return Err(job_failed(&job));
        }
        let saved = tokio::select! {
            saved = save(client, &job, self.output.as_deref(), show) => saved,
            () = signals.next() => Err(interrupted()),
        };
        saved.map_err(|failure| self.left(failure, "get", &id))
    }

    /// Stops the job, for as long as whoever asked for it likes to wait: another signal is the end.
    pub(in crate::cli::run) async fn cancel(
        &self,
        client: &Client,
        id: &str,
        mut signals: Signals,
    ) -> Failure {
        let path = format!("/v1/jobs/{id}");
        let stop = async {
            let cancel = format!("{path}/cancel");
            client.json(Method::POST, &cancel, &[], None).await?;
            let wait = format!("{path}?wait=5s");
            client.json(Method::GET, &wait, &[], None).await
        };
        let stopped = tokio::select! {
            stopped = tokio::time::timeout(STOP_TIME, stop) => stopped,
            () = signals.next() => return self.left(interrupted(), "cancel", id),
        };
        match stopped {
            Ok(Err(error)) if error.may_pass() => self.left(interrupted(), "cancel", id),
            // Whether or not it has stopped by now: the server knows that it is to.
            _ => Failure::new(EXIT_FAILED, "canceled; nothing was saved"),
        }
    }

    /// A failure that leaves something on a server that goes on, and by which command it is to be had.
    pub(in crate::cli::run) fn left(&self, failure: Failure, command: &str, id: &str) -> Failure {
        match &self.url {
            Some(url) if !command.is_empty() && !failure.is_quiet() => {
                let message = failure.message;
                let hint = format!("`cloakroom {command} {id} --url {url}` goes on from here");
                Failure::new(failure.code, format!("{message}; {hint}"))
            }
            _ => failure,
        }
    }
}

pub(in crate::cli::run) fn interrupted() -> Failure {
    Failure::new(EXIT_FAILED, "interrupted; nothing was saved")
}
