//! `status`, `jobs`, `operations`: show jobs and operations.

use http::Method;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::client::Client;
use crate::cli::operation_text::describe;
use crate::cli::outcome::explanation;
use crate::cli::output::{print, print_line};
use crate::cli::remote::connection::Server;
use crate::cli::remote::job::Job;
use crate::cli::remote::print::Format;
use crate::cli::remote::table::{cell, table};
use crate::cli::submission::operation;

/// Most jobs on a page of the server.
const PAGE_JOBS: u64 = 1000;

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
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// List all jobs.
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Continue a list: the value of "next" in its JSON.
    #[arg(long, value_name = "VALUE")]
    after: Option<String>,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Operations {
    /// Describe this operation: its params, its inputs and an example.
    name: Option<String>,
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
        let client = self.server.client()?;
        let mut list = self.format.list();
        let mut left = if self.all { u64::MAX } else { self.limit };
        let mut after = self.after.clone();
        loop {
            let page = get(&client, &self.page(left, after.as_deref())).await?;
            let jobs = page["jobs"].as_array().map_or(&[][..], Vec::as_slice);
            list.page(jobs)?;
            left = left.saturating_sub(jobs.len() as u64);
            // The server ends a page of large jobs before the limit.
            after = page["next"].as_str().map(str::to_owned);
            if after.is_none() || left == 0 {
                return list.end(&page["next"]);
            }
        }
    }

    /// The path of the page of jobs after the cursor `after`, with at most `left` jobs.
    fn page(&self, left: u64, after: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new("/v1/jobs?".to_owned());
        query.append_pair("limit", &left.min(PAGE_JOBS).to_string());
        query.extend_pairs(self.status.iter().map(|status| ("status", status)));
        query.extend_pairs(self.operation.iter().map(|name| ("operation", name)));
        query.extend_pairs(after.iter().map(|after| ("after", after)));
        query.finish()
    }
}

impl Operations {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let client = self.server.client()?;
        if let Some(name) = &self.name {
            let operation = operation(&client, name).await?;
            if self.format.is_json() {
                print_line(&operation)?;
            } else {
                print(&describe(&operation, "cloakroom submit"))?;
            }
            return Ok(());
        }
        let list = get(&client, "/v1/operations").await?;
        if self.format.is_json() {
            print_line(&list)?;
            return Ok(());
        }
        let text =
            |operation: &Value, name: &str| cell(operation[name].as_str().unwrap_or_default());
        let operations = list["operations"].as_array().into_iter().flatten();
        let rows: Vec<_> = operations
            .map(|operation| [text(operation, "name"), text(operation, "title")])
            .collect();
        print(&table(["NAME", "TITLE"], &rows))?;
        Ok(())
    }
}

async fn get(client: &Client, path: &str) -> Result<Value, Failure> {
    let (value, _) = client.json(Method::GET, path, &[], None).await?;
    Ok(value)
}
