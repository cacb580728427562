//! `cancel`, `retry`, `delete`: control a job.

use http::Method;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::remote::job::Job;
use crate::cli::remote::print::Format;

#[derive(clap::Args)]
pub(in crate::cli) struct Cancel {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Retry {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    job: Job,
}

impl Cancel {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = request(&self.job, Method::POST, "/cancel").await?;
        self.format.print_if_json(&job)
    }
}

impl Retry {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = request(&self.job, Method::POST, "/retry").await?;
        self.format.print_new_job(&job)
    }
}

impl Delete {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = request(&self.job, Method::DELETE, "").await?;
        self.format.print_if_json(&job)
    }
}

async fn request(job: &Job, method: Method, action: &str) -> Result<Value, Failure> {
    let (client, path) = job.find().await?;
    let path = format!("{path}{action}");
    let (answer, _) = client.json(method, &path, &[], None).await?;
    Ok(answer)
}
