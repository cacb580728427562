//! `cloakroom run`: a server of its own on loopback, one job through HTTP, its result saved.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;

use super::client::{Client, failed};
use super::follow::{follow, job_failed};
use super::params::params;
use super::progress::Show;
use super::save::save;
use super::signals::Signals;
use super::{EXIT_FAILED, EXIT_USAGE, Failure};
use crate::cloakroom::Cloakroom;
use crate::config::{Config, Listen};
use crate::roots::RootSpec;

/// How long a job that was canceled gets to stop.
const STOP_TIME: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub(super) struct Run {
    /// What to do: the name of an operation.
    operation: String,
    /// The operation's params. A name that comes twice is a list.
    #[arg(value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// A document for the operation. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// Where to save the result; "-" for stdout [default: the result's own name, here].
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep the server's data there; it is temporary otherwise.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Show no progress.
    #[arg(short, long)]
    quiet: bool,
}

impl Run {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let signals = Signals::new()
            .map_err(|e| Failure::new(EXIT_FAILED, format!("cannot handle signals: {e}")))?;
        let temporary = match self.data {
            Some(_) => None,
            None => Some(
                tempfile::tempdir()
                    .map_err(|e| Failure::new(EXIT_FAILED, format!("no temporary folder: {e}")))?,
            ),
        };
        let data = match (&self.data, &temporary) {
            (Some(data), _) => data.clone(),
            (None, Some(folder)) => folder.path().join("data"),
            (None, None) => unreachable!("there is a temporary folder where no other was named"),
        };
        let config = Config {
            data,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
            // Ordinary paths: the whole file system is the one root.
            roots: vec![RootSpec {
                name: None,
                path: file_system_root()?,
                read_only: false,
            }],
            ..Config::default()
        };
        let cloakroom = Cloakroom::builder().config(config).start().await?;
        let address = cloakroom.addresses().first().and_then(Listen::tcp);
        let address = address.ok_or_else(|| failed("it has no address"))?;
        let result = self.one_job(&Client::new(address), signals).await;
        cloakroom.shutdown(Duration::ZERO).await;
        result
    }

    async fn one_job(&self, client: &Client, mut signals: Signals) -> Result<(), Failure> {
        let path = format!("/v1/operations/{}", self.operation);
        let (operation, _) = match client.json(Method::GET, &path, &[], None).await {
            Err(unknown) if unknown.code == EXIT_USAGE => {
                return Err(self.unknown_operation(client).await);
            }
            found => found?,
        };
        let params = params(&self.params, &self.input, &operation["params"])?;
        let submitted = client.json(Method::POST, &path, &[], Some(&params)).await?;
        let path = format!(
            "/v1/jobs/{}",
            submitted.0["id"].as_str().unwrap_or_default()
        );
        let mut show = Show::new(self.quiet);
        let job = tokio::select! {
            ended = follow(client, submitted, &mut show) => ended?,
            () = signals.next() => {
                show.end();
                return Err(canceled(client, &path).await);
            }
        };
        let saved = match job["status"].as_str() {
            Some("succeeded") => {
                tokio::select! {
                    saved = save(client, &job, self.output.as_deref(), &mut show) => saved,
                    () = signals.next() => Err(Failure::new(EXIT_FAILED, "interrupted; nothing was saved")),
                }
            }
            _ => Err(job_failed(&job)),
        };
        show.end();
        saved
    }

    async fn unknown_operation(&self, client: &Client) -> Failure {
        let names: Vec<String> = match client.json(Method::GET, "/v1/operations", &[], None).await {
            Ok((all, _)) => all["operations"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|operation| operation["name"].as_str().map(str::to_owned))
                .collect(),
            Err(failure) => return failure,
        };
        let message = format!(
            "there is no operation {:?}; there are: {}",
            self.operation,
            names.join(", ")
        );
        Failure::new(EXIT_USAGE, message)
    }
}

async fn canceled(client: &Client, path: &str) -> Failure {
    let stop = async {
        client
            .json(Method::POST, &format!("{path}/cancel"), &[], None)
            .await?;
        client
            .json(Method::GET, &format!("{path}?wait=5s"), &[], None)
            .await
    };
    // Whether or not it stopped, it is over for whoever asked.
    let _ = tokio::time::timeout(STOP_TIME, stop).await;
    Failure::new(EXIT_FAILED, "canceled; nothing was saved")
}

/// The root of the file system that we are in.
fn file_system_root() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()
        .map_err(|e| Failure::new(EXIT_USAGE, format!("no current folder: {e}")))?;
    Ok(here.ancestors().last().unwrap_or(Path::new("/")).to_owned())
}
