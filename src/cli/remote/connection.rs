//! Commands that talk to a running server: one file for each family.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::output::print_line;
use crate::cli::remote::{control, get, list, submit};
use crate::cli::serve::SERVER_FILE;
use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};

/// Where a server listens unless it is told otherwise.
pub(in crate::cli::remote) const DEFAULT_URL: &str = "http://127.0.0.1:7070";
/// Where it keeps its data then.
pub(in crate::cli::remote) const DEFAULT_DATA: &str = "cloakroom-data";

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Hand in a job and print its id.
    Submit(submit::Submit),
    /// Show a job.
    Status(list::Status),
    /// List jobs, newest first.
    Jobs(list::Jobs),
    /// List what the server can do.
    Operations(list::Operations),
    /// Wait for a job's end, and show how far it is.
    Wait(get::Wait),
    /// Save the result of a job.
    Get(get::Get),
    /// Print what a job wrote.
    Log(get::Log),
    /// Stop a job, and keep its record.
    Cancel(control::Cancel),
    /// Do once more what an ended job did, and print the new job's id.
    Retry(control::Again),
    /// Forget a job and its result.
    Delete(control::Delete),
}

impl Command {
    pub(in crate::cli) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Submit(command) => command.run().await,
            Self::Status(command) => command.run().await,
            Self::Jobs(command) => command.run().await,
            Self::Operations(command) => command.run().await,
            Self::Wait(command) => command.run().await,
            Self::Get(command) => command.run().await,
            Self::Log(command) => command.run().await,
            Self::Cancel(command) => command.run().await,
            Self::Retry(command) => command.run().await,
            Self::Delete(command) => command.run().await,
        }
    }
}

/// Which server, and who asks.
#[derive(Args)]
pub(in crate::cli) struct Server {
    /// The server, as `http(s)://HOST[:PORT][/PATH]` or `unix:PATH` [default: the one on --data, else
    /// http://127.0.0.1:7070].
    #[arg(long, value_name = "URL", env = "CLOAKROOM_URL")]
    pub(in crate::cli::remote) url: Option<String>,
    /// The data folder of a server on this machine [default: cloakroom-data].
    #[arg(long, value_name = "DIR", env = "CLOAKROOM_DATA")]
    pub(in crate::cli::remote) data: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli::remote) access: Access,
}

/// How a server is asked, wherever it is.
#[derive(Args)]
pub(in crate::cli) struct Access {
    /// The token to show.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "CLOAKROOM_TOKEN",
        hide_env_values = true
    )]
    pub(in crate::cli::remote) token: Option<String>,
    /// A file of PEM with the authorities to believe about https, instead of those that this machine trusts.
    #[arg(long, value_name = "FILE", env = "CLOAKROOM_CA")]
    pub(in crate::cli::remote) ca: Option<PathBuf>,
}

/// How long a server may be away.
#[derive(Args)]
pub(in crate::cli) struct Retry {
    /// How long to try again when a server that was there cannot be reached, or says that it cannot do it now.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration)]
    pub(in crate::cli::remote) retry_for: Duration,
}

impl Retry {
    /// A client with that much patience.
    pub(in crate::cli) fn patient(&self, client: Client) -> Client {
        client.with_retry_budget(self.retry_for)
    }
}

impl Access {
    /// A client of the server there; `token` is shown where the caller has named none.
    pub(in crate::cli) fn client(
        &self,
        url: &str,
        token: Option<String>,
    ) -> Result<Client, Failure> {
        let ca = self
            .ca
            .as_deref()
            .filter(|file| !file.as_os_str().is_empty());
        let given = self.token.clone().filter(|token| !token.is_empty());
        Client::at(url, ca, given.or(token))
    }
}

impl Server {
    pub(in crate::cli::remote) fn client(&self) -> Result<Client, Failure> {
        // An empty variable says nothing.
        if let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) {
            return self.access.client(url, None);
        }
        let data = self.data.as_deref();
        let data = data.filter(|data| !data.as_os_str().is_empty());
        match told(data.unwrap_or(Path::new(DEFAULT_DATA)))? {
            Some((url, token)) => self.access.client(&url, token),
            None if data.is_none() => self.access.client(DEFAULT_URL, None),
            None => {
                let message = format!(
                    "no server runs on {}",
                    data.unwrap_or(Path::new("")).display()
                );
                Err(Failure::new(EXIT_FAILED, message))
            }
        }
    }
}

/// What a server on this data says of itself: where it listens, and the token of its run.
pub(in crate::cli::remote) fn told(
    data: &Path,
) -> Result<Option<(String, Option<String>)>, Failure> {
    let path = data.join(SERVER_FILE);
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(EXIT_USAGE, format!("{}: {error}", path.display()))
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&error)),
    };
    let told: Value = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    let url = told["urls"][0].as_str().ok_or_else(|| wrong(&"no URL"))?;
    let token = told["token"].as_str().map(str::to_owned);
    Ok(Some((url.to_owned(), token)))
}

/// Prints the ID of a job that the server has stored. Where standard output cannot be written the failure names it.
pub(in crate::cli::remote) fn print_id(job: &Value) -> Result<(), Failure> {
    let id = job["id"].as_str().unwrap_or_default();
    print_line(id).map_err(|error| error.after(format_args!("the job's ID is {id}")))
}

/// The path of a job. What is no plain word is no id, and would be another path.
pub(in crate::cli::remote) fn job_path(id: &str) -> Result<String, Failure> {
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(format!("/v1/jobs/{id}"))
    } else {
        Err(Failure::new(
            EXIT_USAGE,
            format!("{id:?} is no id of a job"),
        ))
    }
}
