//! `status`, `jobs`, `operations`: print tables, or the server's JSON.

use http::Method;
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::output::{print, print_line};
use crate::cli::remote::Server;
use crate::cli::remote::job_path;
use crate::cli::remote::table::{cell, table};

#[derive(clap::Args)]
pub(in crate::cli) struct Status {
    /// The job's ID.
    id: String,
    /// Print the server's JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Jobs {
    /// Only jobs in these states, separated by commas.
    #[arg(long, value_name = "STATUS")]
    status: Option<String>,
    /// Only jobs of this operation.
    #[arg(long, value_name = "NAME")]
    operation: Option<String>,
    /// Maximum number of jobs.
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
    /// Print the server's JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Operations {
    /// Print the server's JSON instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    server: Server,
}

impl Status {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = get(&self.server, &job_path(&self.id)?).await?;
        show(&job, self.json, || jobs(std::slice::from_ref(&job)))
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
        show(&list, self.json, || jobs(members(&list, "jobs")))
    }

    /// The next page of jobs after the cursor `after`, with at most the number that `known` leaves of the limit.
    async fn page(&self, known: usize, after: Option<&str>) -> Result<Value, Failure> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let limit = usize::from(self.limit).saturating_sub(known);
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(self.status.iter().map(|status| ("status", status)));
        query.extend_pairs(self.operation.iter().map(|name| ("operation", name)));
        query.extend_pairs(after.iter().map(|after| ("after", after)));
        get(&self.server, &format!("/v1/jobs?{}", query.finish())).await
    }
}

impl Operations {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let list = get(&self.server, "/v1/operations").await?;
        let row = |operation: &Value| [text(operation, "name"), text(operation, "title")];
        show(&list, self.json, || {
            let rows: Vec<_> = members(&list, "operations").iter().map(row).collect();
            table(["NAME", "TITLE"], &rows)
        })
    }
}

async fn get(server: &Server, path: &str) -> Result<Value, Failure> {
    let (value, _) = server.client()?.json(Method::GET, path, &[], None).await?;
    Ok(value)
}

fn show(value: &Value, as_json: bool, table: impl FnOnce() -> String) -> Result<(), Failure> {
    if as_json {
        print_line(value)?;
    } else {
        print(&table())?;
    }
    Ok(())
}

fn jobs(jobs: &[Value]) -> String {
    let rows: Vec<_> = jobs.iter().map(row).collect();
    table(
        ["ID", "OPERATION", "STATUS", "DONE", "CREATED", "WHAT"],
        &rows,
    )
}

/// A job as a row; the last cell is its phase or its error.
fn row(job: &Value) -> [String; 6] {
    let percent = job["percentComplete"].as_f64();
    let detail = match &job["error"] {
        Value::Null => text(job, "phase"),
        error => text(error, "message"),
    };
    [
        text(job, "id"),
        text(job, "operation"),
        text(job, "status"),
        percent.map_or_else(String::new, |percent| format!("{percent:.0} %")),
        text(job, "createdAt"),
        detail,
    ]
}

fn members<'a>(list: &'a Value, name: &str) -> &'a [Value] {
    list[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    cell(value[name].as_str().unwrap_or_default())
}
