//! The commands that talk to a running server.

use clap::Subcommand;

use crate::cli::Failure;
use crate::cli::remote::{control, get, list, submit};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Submit a job and print its ID.
    ///
    /// Input files are uploaded to the server. Paths in params are paths on the server, below one of its roots.
    Submit(submit::Submit),
    /// Show the state of a job.
    Status(list::Status),
    /// List jobs, newest first.
    Jobs(list::Jobs),
    /// List the operations of a server, or describe one.
    Operations(list::Operations),
    /// Wait for a job to finish and show its progress.
    ///
    /// The exit code is 0 if the job succeeded and 1 if it failed or was canceled.
    Wait(get::Wait),
    /// Download the result of a job.
    Get(get::Get),
    /// Print the log of a job.
    Log(get::Log),
    /// Cancel a job.
    ///
    /// The job is kept with the status "canceled" until it expires.
    Cancel(control::Cancel),
    /// Submit a finished job again and print the ID of the new job.
    Retry(control::Retry),
    /// Delete a job and its result.
    ///
    /// A running job is canceled first.
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
