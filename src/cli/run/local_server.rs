//! The server that `run` starts in this process: on loopback, with the whole file system as its root.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use tempfile::TempDir;

use crate::cli::client::{Client, WithEtag};
use crate::cli::job_args::JobArgs;
use crate::cli::params::params;
use crate::cli::serve;
use crate::cli::submission::{operation_path, unknown_operation};
use crate::cli::token::failure;
use crate::cli::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::cloakroom::Cloakroom;
use crate::config::{Config, Listen};
use crate::operations::command;
use crate::roots::RootSpec;
use crate::tokens::Tokens;

/// The server, and its data folder if that is temporary.
pub(super) struct LocalServer {
    cloakroom: Cloakroom,
    /// The token of this run.
    token: Option<String>,
    _temporary: Option<TempDir>,
}

impl LocalServer {
    /// Starts the server, on a temporary data folder unless `data` names one, with the operations of a configuration file.
    ///
    /// # Errors
    /// The file is invalid, the data folder is unusable, or the server cannot listen.
    pub(super) async fn start(data: Option<&Path>, file: Option<&Path>) -> Result<Self, Failure> {
        let temporary = if data.is_none() {
            let folder = tempfile::tempdir();
            Some(folder.map_err(|e| {
                Failure::new(
                    EXIT_FAILED,
                    format!("cannot create a temporary folder: {e}"),
                )
            })?)
        } else {
            None
        };
        let beside = temporary.as_ref().map(|folder| folder.path().join("data"));
        let data = data.map(Path::to_owned).or(beside);
        let mut config = Config::default();
        if let Some(file) = file {
            let usage = |message| Failure::new(EXIT_USAGE, message);
            serve::fill_operations(&mut config, file).map_err(usage)?;
            // All child processes are those of command operations, so reaping orphans is safe.
            command::become_reaper();
        }
        let config = Config {
            data: data.expect("a temporary folder was created if none was given"),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
            // Ordinary paths: the whole file system is the one root.
            roots: vec![RootSpec {
                name: None,
                path: file_system_root()?,
                read_only: false,
            }],
            ..config
        };
        // Other users of this machine can reach the server, and must not read files through it.
        let tokens = Tokens::open(&config.data).and_then(Tokens::with_run_token);
        let tokens = tokens.map_err(failure)?;
        let token = tokens.run_token().map(str::to_owned);
        let builder = Cloakroom::builder().config(config).tokens(tokens);
        Ok(Self {
            cloakroom: builder.start().await?,
            token,
            _temporary: temporary,
        })
    }

    pub(super) fn client(&self) -> Client {
        let address = self.cloakroom.addresses().first().and_then(Listen::tcp);
        let address = address.expect("the server listens on a TCP address");
        Client::new(address, self.token.clone())
    }

    /// Completes when the server cannot continue.
    pub(super) async fn failure(&self) -> Failure {
        Failure::new(EXIT_DATA, self.cloakroom.failure().await)
    }

    pub(super) async fn stop(self) {
        self.cloakroom.shutdown(Duration::ZERO).await;
    }
}

/// Submits the job. Paths become absolute, and documents are read in place.
///
/// # Errors
/// The operation is unknown, or the params are invalid.
pub(super) async fn submit(client: &Client, job: &JobArgs) -> Result<WithEtag, Failure> {
    let path = operation_path(&job.operation)?;
    let (spec, _) = match client.json(Method::GET, &path, &[], None).await {
        Err(error) if error.is_not_found() => {
            return Err(unknown_operation(client, &job.operation).await);
        }
        found => found?,
    };
    let params = params(&job.params, &job.input, &spec["params"])?;
    Ok(client.json(Method::POST, &path, &[], Some(&params)).await?)
}

/// The root of the current file system.
fn file_system_root() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()
        .map_err(|e| Failure::new(EXIT_USAGE, format!("cannot find the current folder: {e}")))?;
    Ok(here.ancestors().last().unwrap_or(Path::new("/")).to_owned())
}
