//! `submit`: submits a job.

use serde_json::Value;

use crate::cli::Failure;
use crate::cli::job_args::{JobArgs, OPTIONS, OptionArgs};
use crate::cli::progress::ProgressArgs;
use crate::cli::remote::connection::{RetryFor, Server};
use crate::cli::remote::get::wait;
use crate::cli::remote::print::Format;
use crate::cli::submission::{Submission, unknown_operation};

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  cloakroom submit zip path=/docs/2026
  cloakroom submit compare -i a=old.xml -i b=new.xml
  cloakroom submit --wait copy from=/docs/2026 to=/archive/2026
  cloakroom submit zip path=/docs/2026 --callback https://example.org/done --callback-method POST";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Submit {
    #[command(flatten)]
    job: JobArgs,
    #[command(flatten)]
    options: OptionArgs,
    /// File on the server, below one of its roots, to write the result to.
    #[arg(long, value_name = "PATH", help_heading = OPTIONS)]
    output: Option<String>,
    /// Idempotency key. Submitting again with the same key returns the first job instead of creating another one.
    #[arg(long, value_name = "KEY", help_heading = OPTIONS)]
    idempotency_key: Option<String>,
    /// Wait for the job to finish, like `cloakroom wait`.
    #[arg(short, long)]
    wait: bool,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    progress: ProgressArgs,
    #[command(flatten)]
    retry_for: RetryFor,
    #[command(flatten)]
    server: Server,
}

impl Submit {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut options = self.options.pairs();
        options.extend(self.output.clone().map(|path| ("output", path)));
        let submission = Submission::new(&self.job, &options, self.idempotency_key.as_deref())?;
        let client = self.retry_for.apply(self.server.client()?);
        let mut progress = self.progress.reporter();
        let sent = submission.send(&client, &mut progress).await;
        let seen = match sent {
            Ok(seen) => seen,
            Err(error) => {
                progress.end();
                return Err(if error.is_not_found() {
                    unknown_operation(&client, &self.job.operation).await
                } else {
                    error.into()
                });
            }
        };
        if !self.wait {
            progress.end();
            return self.format.print_new_job(&seen.0);
        }
        // With --json, standard output gets the finished job only.
        if !self.format.is_json() {
            progress.suspend(|| self.format.print_new_job(&seen.0))?;
        }
        let hint = |job: &Value| self.server.log_hint(job);
        wait(&client, seen, &mut progress, &self.format, hint).await
    }
}
