//! `cancel`, `retry`, `delete`: control a job.

use http::Method;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::remote::job::Job;
use crate::cli::remote::print::print_id;

#[derive(clap::Args)]
pub(in crate::cli) struct Cancel {
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Retry {
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    job: Job,
}

impl Cancel {
    pub(super) async fn run(self) -> Result<(), Failure> {
        request(&self.job, Method::POST, "/cancel").await?;
        Ok(())
    }
}

impl Retry {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = request(&self.job, Method::POST, "/retry").await?;
        print_id(&job)
    }
}

impl Delete {
    pub(super) async fn run(self) -> Result<(), Failure> {
        request(&self.job, Method::DELETE, "").await?;
        Ok(())
    }
}

async fn request(job: &Job, method: Method, action: &str) -> Result<Value, Failure> {
    let path = format!("{}{action}", job.path()?);
    let (answer, _) = job.client()?.json(method, &path, &[], None).await?;
    Ok(answer)
}
