//! `submit`: submits a job.

use crate::cli::Failure;
use crate::cli::job_args::JobArgs;
use crate::cli::progress::ProgressArgs;
use crate::cli::remote::connection::{RetryFor, Server};
use crate::cli::remote::print::print_id;
use crate::cli::submission::{Submission, unknown_operation};

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  cloakroom submit zip path=/docs/2026
  cloakroom submit compare -i a=old.xml -i b=new.xml
  cloakroom wait $(cloakroom submit copy from=/docs/2026 to=/archive/2026)";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Submit {
    #[command(flatten)]
    job: JobArgs,
    /// Idempotency key. Submitting again with the same key returns the first job instead of creating another one.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    retry_for: RetryFor,
    #[command(flatten)]
    server: Server,
}

impl Submit {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let submission = Submission::new(&self.job, self.idempotency_key.as_deref())?;
        let client = self.retry_for.apply(self.server.client()?);
        let mut progress = self.progress.reporter();
        let sent = submission.send(&client, &mut progress).await;
        progress.end();
        match sent {
            Ok((job, _)) => print_id(&job),
            Err(error) if error.is_not_found() => {
                Err(unknown_operation(&client, &self.job.operation).await)
            }
            Err(error) => Err(error.into()),
        }
    }
}
