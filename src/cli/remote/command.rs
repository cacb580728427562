//! The commands that talk to a running server.

use clap::Subcommand;

use crate::cli::Failure;
use crate::cli::remote::{control, get, list, submit};

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Submit a job and print its ID.
    Submit(submit::Submit),
    /// Show a job.
    Status(list::Status),
    /// List jobs, newest first.
    Jobs(list::Jobs),
    /// List the server's operations.
    Operations(list::Operations),
    /// Wait for a job to finish and show its progress.
    Wait(get::Wait),
    /// Download the result of a job.
    Get(get::Get),
    /// Print a job's log.
    Log(get::Log),
    /// Cancel a job but keep its record.
    Cancel(control::Cancel),
    /// Run a finished job again as a new job and print its ID.
    Retry(control::Again),
    /// Delete a job and its result.
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
