//! A server of the job's own: on loopback, with the whole file system as its root, gone when the job is done.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use tempfile::TempDir;

use crate::cli::client::{Client, WithEtag};
use crate::cli::params::params;
use crate::cli::run::Run;
use crate::cli::submission::unknown_operation;
use crate::cli::token::failure;
use crate::cli::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::cloakroom::Cloakroom;
use crate::config::{Config, Listen};
use crate::roots::RootSpec;
use crate::tokens::Tokens;

/// The server, and its data unless somebody else's.
pub(super) struct LocalServer {
    cloakroom: Cloakroom,
    /// Its own, for this run.
    token: Option<String>,
    _temporary: Option<TempDir>,
}

impl LocalServer {
    /// Starts it; without a data folder in a temporary one.
    pub(super) async fn start(data: Option<&Path>) -> Result<Self, Failure> {
        let temporary = if data.is_none() {
            let folder = tempfile::tempdir();
            Some(
                folder
                    .map_err(|e| Failure::new(EXIT_FAILED, format!("no temporary folder: {e}")))?,
            )
        } else {
            None
        };
        let beside = temporary.as_ref().map(|folder| folder.path().join("data"));
        let data = data.map(Path::to_owned).or(beside);
        let config = Config {
            data: data.expect("there is a temporary folder where no other was named"),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
            // Ordinary paths: the whole file system is the one root.
            roots: vec![RootSpec {
                name: None,
                path: file_system_root()?,
                read_only: false,
            }],
            ..Config::default()
        };
        // Others on this machine can reach it, too, and must not read what its user may read.
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
        let address = address.expect("it was told to listen on one");
        Client::new(address, self.token.clone())
    }

    /// Ends when it cannot go on.
    pub(super) async fn failure(&self) -> Failure {
        Failure::new(EXIT_DATA, self.cloakroom.failure().await)
    }

    pub(super) async fn stop(self) {
        self.cloakroom.shutdown(Duration::ZERO).await;
    }
}

/// Hands the job in; paths become absolute, and documents are read where they are.
pub(super) async fn submit(run: &Run, client: &Client) -> Result<WithEtag, Failure> {
    let path = format!("/v1/operations/{}", run.operation);
    let (operation, _) = match client.json(Method::GET, &path, &[], None).await {
        Err(error) if error.is_not_found() => {
            return Err(unknown_operation(client, &run.operation).await);
        }
        found => found?,
    };
    let params = params(&run.params, &run.input, &operation["params"])?;
    Ok(client.json(Method::POST, &path, &[], Some(&params)).await?)
}

/// The root of the file system that we are in.
fn file_system_root() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()
        .map_err(|e| Failure::new(EXIT_USAGE, format!("no current folder: {e}")))?;
    Ok(here.ancestors().last().unwrap_or(Path::new("/")).to_owned())
}
