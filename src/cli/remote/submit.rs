//! `submit`: submits a job.

use super::super::progress::ProgressReporter;
use super::super::submission::{Submission, unknown_operation};
use super::Retry;
use super::Server;
use super::print_id;
use crate::cli::Failure;

#[derive(clap::Args)]
pub(in crate::cli) struct Submit {
    /// Name of the operation.
    operation: String,
    /// Params of the operation. Paths are on the server. Repeat a name to give a list.
    #[arg(value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// Document to upload. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// Idempotency key: submitting again with the same key does not create a second job.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Do not show progress.
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    retry: Retry,
    #[command(flatten)]
    server: Server,
}

impl Submit {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let key = self.idempotency_key.as_deref();
        let submission = Submission::new(&self.operation, &self.params, &self.input, key)?;
        let client = self.retry.apply(self.server.client()?);
        let mut show = ProgressReporter::new(self.quiet);
        let sent = submission.send(&client, &mut show).await;
        show.end();
        match sent {
            Ok((job, _)) => print_id(&job),
            Err(error) if error.is_not_found() => {
                Err(unknown_operation(&client, &self.operation).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}
