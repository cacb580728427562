//! `cloakroom run`: runs one job over HTTP and saves its result, on a temporary server in this process or on a running one.

use std::path::PathBuf;
use std::time::Duration;

use http::Method;

use crate::cli::client::{Client, WithEtag};
use crate::cli::destination::{Destination, DestinationArgs};
use crate::cli::follow::follow;
use crate::cli::job_args::{JobArgs, OptionArgs};
use crate::cli::operation_text::describe;
use crate::cli::outcome::job_failed;
use crate::cli::output::print;
use crate::cli::progress::{ProgressArgs, ProgressReporter};
use crate::cli::remote::{Access, CONNECTION, RetryFor};
use crate::cli::run::interrupt;
use crate::cli::run::interrupt::Choice;
use crate::cli::run::local_server;
use crate::cli::run::local_server::LocalServer;
use crate::cli::save::save;
use crate::cli::signals::Signals;
use crate::cli::submission::{Submission, operation, unknown_operation};
use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};
use crate::config::data_folder;

/// How long to wait for a canceled job to stop.
pub(in crate::cli::run) const CANCEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  cloakroom run zip path=photos -o photos.zip
  cloakroom run compare a=old.xml b=new.xml -o changes.xml
  cloakroom run merge versions=base.xml versions=ours.xml versions=theirs.xml format=merged --fail-on-conflict
  cloakroom run zip --help
  cloakroom run --config cloakroom.toml convert-video -i source=film.mov
  cloakroom run --url https://jobs.example.org zip path=/docs/2026";

#[derive(clap::Args)]
#[command(
    after_help = EXAMPLES,
    disable_help_flag = true,
    override_usage = "cloakroom run [OPTIONS] <OPERATION> [NAME=VALUE]..."
)]
pub(in crate::cli) struct Run {
    /// Print help. With an operation, describe its params and inputs.
    #[arg(short, long)]
    pub(in crate::cli::run) help: bool,
    #[command(flatten)]
    pub(in crate::cli::run) job: JobArgs,
    #[command(flatten)]
    pub(in crate::cli::run) options: OptionArgs,
    #[command(flatten)]
    pub(in crate::cli::run) destination: DestinationArgs,
    /// Configuration file with operations and limits for the server in this process.
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub(in crate::cli::run) config: Option<PathBuf>,
    /// Data folder of the server in this process [default: a temporary folder].
    #[arg(long, value_name = "DIR|auto", value_parser = data_folder)]
    pub(in crate::cli::run) data: Option<PathBuf>,
    /// Exit with 1 if a merge has conflicts. The result is saved nevertheless.
    #[arg(long)]
    pub(in crate::cli::run) fail_on_conflict: bool,
    #[command(flatten)]
    pub(in crate::cli::run) progress: ProgressArgs,
    /// Run the job on the server at this URL instead of in this process: `http(s)://HOST[:PORT][/PATH]` or
    /// `unix:PATH`.
    #[arg(
        long,
        value_name = "URL",
        conflicts_with = "data",
        help_heading = CONNECTION
    )]
    pub(in crate::cli::run) url: Option<String>,
    #[command(flatten)]
    pub(in crate::cli::run) access: Access,
    #[command(flatten)]
    pub(in crate::cli::run) retry_for: RetryFor,
}

impl Run {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        let signals = Signals::new().map_err(|e| {
            Failure::new(EXIT_FAILED, format!("cannot install signal handlers: {e}"))
        })?;
        if self.help {
            return self.describe_operation().await;
        }
        let destination = self.destination.check()?;
        let mut progress = self.progress.reporter();
        let done = match &self.url {
            Some(url) => {
                let client = self.retry_for.apply(self.access.client(url, None)?);
                self.run_remotely(&client, &destination, signals, &mut progress)
                    .await
            }
            None => self.run_locally(&destination, signals, &mut progress).await,
        };
        progress.end();
        done
    }

    /// Prints the description of the operation.
    async fn describe_operation(&self) -> Result<(), Failure> {
        let name = &self.job.operation;
        let (operation, command) = if let Some(url) = &self.url {
            let client = self.access.client(url, None)?;
            let command = format!("cloakroom run --url {url}");
            (operation(&client, name).await, command)
        } else {
            let own = LocalServer::start(None, self.config.as_deref()).await?;
            let found = operation(&own.client(), name).await;
            own.stop().await;
            let file = self.config.as_ref().map(|file| file.display());
            let config = file.map_or_else(String::new, |file| format!(" --config {file}"));
            (found, format!("cloakroom run{config}"))
        };
        print(&describe(&operation?, &command))?;
        print("\nThe options of this command: cloakroom run --help\n")?;
        Ok(())
    }

    /// Runs the job on a server in this process, which stops when the job is finished.
    pub(in crate::cli::run) async fn run_locally(
        &self,
        destination: &Destination,
        signals: Signals,
        progress: &mut ProgressReporter,
    ) -> Result<(), Failure> {
        if let Some((name, _)) = self.options.pairs().first() {
            let message =
                format!("--{name} needs --url: without it, nothing outlives this command");
            return Err(Failure::new(EXIT_USAGE, message));
        }
        let own = LocalServer::start(self.data.as_deref(), self.config.as_deref()).await?;
        let client = own.client();
        let done = async {
            let submitted = local_server::submit(&client, &self.job).await?;
            self.follow_and_save(&client, submitted, destination, signals, progress)
                .await
        };
        let done = tokio::select! {
            done = done => done,
            failure = own.failure() => return Err(failure),
        };
        own.stop().await;
        done
    }

    /// Runs the job on a running server, which keeps the job and its result.
    pub(in crate::cli::run) async fn run_remotely(
        &self,
        client: &Client,
        destination: &Destination,
        mut signals: Signals,
        progress: &mut ProgressReporter,
    ) -> Result<(), Failure> {
        let submission = Submission::new(&self.job, &self.options.pairs(), None)?;
        let sent = tokio::select! {
            sent = submission.send(client, progress) => sent,
            () = signals.next() => {
                let message = "interrupted before the server confirmed the job";
                return Err(Failure::new(EXIT_FAILED, message));
            }
        };
        match sent {
            Ok(submitted) => {
                self.follow_and_save(client, submitted, destination, signals, progress)
                    .await
            }
            Err(error) if error.is_not_found() => {
                Err(unknown_operation(client, &self.job.operation).await)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Follows a job to its end and saves its result. A signal cancels it, unless the user decides otherwise.
    pub(in crate::cli::run) async fn follow_and_save(
        &self,
        client: &Client,
        submitted: WithEtag,
        destination: &Destination,
        mut signals: Signals,
        progress: &mut ProgressReporter,
    ) -> Result<(), Failure> {
        let id = submitted.0["id"].as_str().unwrap_or_default().to_owned();
        let ended = loop {
            let choice = tokio::select! {
                ended = follow(client, submitted.clone(), progress) => break ended,
                is_interrupt = signals.next_is_interrupt() => match &self.url {
                    Some(_) if is_interrupt => interrupt::ask(progress, &mut signals).await,
                    // A job in this process ends with it.
                    _ => Choice::Cancel,
                },
            };
            match choice {
                Choice::Continue => {}
                Choice::Cancel => {
                    progress.end();
                    return Err(self.cancel(client, &id, signals).await);
                }
                Choice::Leave => {
                    let message = format!("the job {id} is still running");
                    return Err(self.with_hint(Failure::new(EXIT_FAILED, message), "wait", &id));
                }
            }
        };
        let job = ended.map_err(|error| {
            let command = if error.is_transient() { "wait" } else { "" };
            self.with_hint(error.into(), command, &id)
        })?;
        if job["status"] != "succeeded" {
            return Err(job_failed(client, &job, self.log_hint(&id).as_deref()).await);
        }
        let saved = tokio::select! {
            saved = save(client, &job, destination, progress) => saved,
            () = signals.next() => Err(interrupted()),
        };
        saved.map_err(|failure| self.with_hint(failure, "get", &id))?;
        match conflicts(&job) {
            Some(count) if self.fail_on_conflict && count != "0" => {
                let s = if count == "1" { "" } else { "s" };
                Err(Failure::new(
                    EXIT_FAILED,
                    format!("the merge has {count} conflict{s}"),
                ))
            }
            _ => Ok(()),
        }
    }

    /// Cancels the job and waits until it has stopped, until [`CANCEL_TIMEOUT`] or another signal.
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
            stopped = tokio::time::timeout(CANCEL_TIMEOUT, stop) => stopped,
            () = signals.next() => return self.with_hint(interrupted(), "cancel", id),
        };
        match stopped {
            Ok(Err(error)) if error.is_transient() => self.with_hint(interrupted(), "cancel", id),
            // The server has accepted the cancellation, even if the job has not stopped yet.
            _ => Failure::new(EXIT_FAILED, "canceled; nothing was saved"),
        }
    }

    /// Names the command that prints the log of the job, unless the server and its data are gone.
    fn log_hint(&self, id: &str) -> Option<String> {
        match (&self.url, &self.data) {
            (Some(url), _) => Some(format!(
                "`cloakroom log {id} --url {url}` prints the whole log"
            )),
            (None, Some(data)) => {
                let data = data.display();
                Some(format!(
                    "`cloakroom log {id} --data {data}` prints the whole log while `cloakroom serve --data {data}` is running"
                ))
            }
            (None, None) => None,
        }
    }

    /// Adds to a failure the command that continues with the job on the remote server.
    pub(in crate::cli::run) fn with_hint(
        &self,
        failure: Failure,
        command: &str,
        id: &str,
    ) -> Failure {
        match &self.url {
            Some(url) if !command.is_empty() && !failure.is_quiet() => {
                let message = failure.message;
                let hint = format!("continue with `cloakroom {command} {id} --url {url}`");
                Failure::new(failure.code, format!("{message}; {hint}"))
            }
            _ => failure,
        }
    }
}

pub(in crate::cli::run) fn interrupted() -> Failure {
    Failure::new(EXIT_FAILED, "interrupted; nothing was saved")
}

/// The number of conflicts of a finished merge, from its last stage: `Output, 7 changes, 2 conflicts`.
fn conflicts(job: &serde_json::Value) -> Option<&str> {
    let stage = job["stage"]["name"].as_str()?;
    let (count, _) = stage.rsplit(", ").next()?.split_once(" conflict")?;
    Some(count)
}
