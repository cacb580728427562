//! The options for connecting to a running server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};
use crate::config::data_folder;
use crate::data_dir;

/// The heading of these options in the help.
pub(in crate::cli) const CONNECTION: &str = "Connection";

/// URL of a server with default settings.
pub(in crate::cli::remote) const DEFAULT_URL: &str = "http://127.0.0.1:7070";
/// Data folder of a server with default settings.
pub(in crate::cli::remote) const DEFAULT_DATA: &str = "cloakroom-data";

/// The server to connect to, and how.
#[derive(Args)]
pub(in crate::cli) struct Server {
    /// URL of the server: `http(s)://HOST[:PORT][/PATH]` or `unix:PATH` [default: the server running on --data, else
    /// http://127.0.0.1:7070].
    #[arg(
        long,
        value_name = "URL",
        env = "CLOAKROOM_URL",
        hide_env_values = true, help_heading = CONNECTION
    )]
    pub(in crate::cli::remote) url: Option<String>,
    /// Find the server on this machine by its data folder [default: cloakroom-data].
    #[arg(
        long,
        value_name = "DIR|auto",
        env = "CLOAKROOM_DATA",
        hide_env_values = true, help_heading = CONNECTION,
        value_parser = data_folder
    )]
    pub(in crate::cli::remote) data: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli::remote) access: Access,
}

/// Credentials and trust for any server.
#[derive(Args)]
pub(in crate::cli) struct Access {
    /// Token to authenticate with.
    #[arg(
        long,
        value_name = "TOKEN",
        env = "CLOAKROOM_TOKEN",
        hide_env_values = true, help_heading = CONNECTION
    )]
    pub(in crate::cli::remote) token: Option<String>,
    /// PEM file with the CA certificates to trust for https, instead of those of the system.
    #[arg(
        long,
        value_name = "FILE",
        env = "CLOAKROOM_CA",
        hide_env_values = true, help_heading = CONNECTION
    )]
    pub(in crate::cli::remote) ca: Option<PathBuf>,
}

/// How long to retry requests.
#[derive(Args)]
pub(in crate::cli) struct RetryFor {
    /// How long to retry when the connection to the server is lost.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = humantime::parse_duration, help_heading = CONNECTION)]
    pub(in crate::cli::remote) retry_for: Duration,
}

impl RetryFor {
    /// The client with this retry budget.
    pub(in crate::cli) fn apply(&self, client: Client) -> Client {
        client.with_retry_budget(self.retry_for)
    }
}

impl Access {
    /// A client of the server at `url`. `token` is used unless the user gave one.
    ///
    /// # Errors
    /// The URL is invalid, or no CA certificates can be loaded.
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
        // Empty variables are ignored.
        if let Some(url) = self.url.as_deref().filter(|url| !url.is_empty()) {
            return self.access.client(url, None);
        }
        let data = self.data.as_deref();
        let data = data.filter(|data| !data.as_os_str().is_empty());
        match read_server_file(data.unwrap_or(Path::new(DEFAULT_DATA)))? {
            Some((url, token)) => self.access.client(&url, token),
            None if data.is_none() => self.access.client(DEFAULT_URL, None),
            None => {
                let message = format!(
                    "no server is running on the data folder {}",
                    data.unwrap_or(Path::new("")).display()
                );
                Err(Failure::new(EXIT_FAILED, message))
            }
        }
    }
}

impl Server {
    /// Names the command that prints the log of a job on this server.
    pub(in crate::cli::remote) fn log_hint(&self, job: &Value) -> String {
        let id = job["id"].as_str().unwrap_or_default();
        format!(
            "`cloakroom log {id}{}` prints the whole log",
            self.arguments()
        )
    }

    /// The arguments that lead other commands to this server, as they were given on the command line.
    fn arguments(&self) -> String {
        let data = self.data.as_ref().map(|data| data.display().to_string());
        let argument = |flag: &str, variable: &str, value: Option<&str>| match value {
            Some(value) if std::env::var(variable).ok().as_deref() != Some(value) => {
                format!(" {flag} {value}")
            }
            _ => String::new(),
        };
        argument("--url", "CLOAKROOM_URL", self.url.as_deref())
            + &argument("--data", "CLOAKROOM_DATA", data.as_deref())
    }
}

/// Reads the URL and the token of the run from the file of a server on this data folder; `None` if no server is running.
///
/// # Errors
/// The file cannot be read or is invalid.
pub(in crate::cli::remote) fn read_server_file(
    data: &Path,
) -> Result<Option<(String, Option<String>)>, Failure> {
    let path = data.join(data_dir::SERVER);
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(EXIT_USAGE, format!("{}: {error}", path.display()))
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&error)),
    };
    let file: Value = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
    let url = file["urls"][0]
        .as_str()
        .ok_or_else(|| wrong(&"expected a URL in \"urls\""))?;
    let token = file["token"].as_str().map(str::to_owned);
    Ok(Some((url.to_owned(), token)))
}
