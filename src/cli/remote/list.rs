//! `status`, `jobs`, `operations`: show jobs and operations.

use http::Method;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::client::Client;
use crate::cli::outcome::explanation;
use crate::cli::output::print_line;
use crate::cli::remote::connection::Server;
use crate::cli::remote::job::Job;
use crate::cli::remote::print::Format;

#[derive(clap::Args)]
pub(in crate::cli) struct Status {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    job: Job,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Jobs {
    /// List only jobs in these states, separated by commas: queued, running, succeeded, failed, canceled.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// List only jobs of this operation.
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Maximum number of jobs to list.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Operations {
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    server: Server,
}

impl Status {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (client, path) = self.job.find().await?;
        let job = get(&client, &path).await?;
        self.format.print_job(&job)?;
        if job["status"] == "failed" && !self.format.is_json() {
            let hint = self.job.log_hint(&job);
            print_line(explanation(&client, &job, Some(&hint)).await)?;
        }
        Ok(())
    }
}

impl Jobs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut all = Vec::new();
        let mut next = None;
        // The server ends a page of large jobs before the limit.
        let rest = loop {
            let mut page = self.page(all.len(), next.as_deref()).await?;
            if let Some(jobs) = page.get_mut("jobs").and_then(Value::as_array_mut) {
                all.append(jobs);
            }
            next = page["next"].as_str().map(str::to_owned);
            if next.is_none() || all.len() >= usize::from(self.limit) {
                break page["next"].take();
            }
        };
        let list = json!({ "jobs": all, "next": rest });
        self.format.print_jobs(&list)
    }

    /// The next page of jobs after the cursor `after`, with at most the number that `known` leaves of the limit.
    async fn page(&self, known: usize, after: Option<&str>) -> Result<Value, Failure> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let limit = usize::from(self.limit).saturating_sub(known);
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(self.status.iter().map(|status| ("status", status)));
        query.extend_pairs(self.operation.iter().map(|name| ("operation", name)));
        query.extend_pairs(after.iter().map(|after| ("after", after)));
        get(
            &self.server.client()?,
            &format!("/v1/jobs?{}", query.finish()),
        )
        .await
    }
}

impl Operations {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let list = get(&self.server.client()?, "/v1/operations").await?;
        self.format.print_operations(&list)
    }
}

async fn get(client: &Client, path: &str) -> Result<Value, Failure> {
    let (value, _) = client.json(Method::GET, path, &[], None).await?;
    Ok(value)
}
