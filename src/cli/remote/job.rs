//! The arguments of commands about one job.

use crate::cli::client::Client;
use crate::cli::remote::connection::Server;
use crate::cli::{EXIT_USAGE, Failure};

/// A job on a running server.
#[derive(clap::Args)]
pub(in crate::cli) struct Job {
    /// ID of the job.
    pub(in crate::cli::remote) id: String,
    #[command(flatten)]
    server: Server,
}

impl Job {
    /// A client of the job's server.
    ///
    /// # Errors
    /// The server's URL is invalid, or no server is running on the data folder.
    pub(in crate::cli::remote) fn client(&self) -> Result<Client, Failure> {
        self.server.client()
    }

    /// The job's path on the server.
    ///
    /// # Errors
    /// The ID has characters other than letters and digits, which would lead to another path.
    pub(in crate::cli::remote) fn path(&self) -> Result<String, Failure> {
        let id = &self.id;
        if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            Ok(format!("/v1/jobs/{id}"))
        } else {
            let message = format!("invalid job ID {id:?}: expected letters and digits");
            Err(Failure::new(EXIT_USAGE, message))
        }
    }
}
