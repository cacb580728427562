//! `cancel`, `retry`, `delete`: what turns a job's life.

use http::Method;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::remote::Server;
use crate::cli::remote::job_path;
use crate::cli::remote::print_id;

#[derive(clap::Args)]
pub(in crate::cli) struct Cancel {
    /// The job's id.
    id: String,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Again {
    /// The job's id.
    id: String,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Delete {
    /// The job's id.
    id: String,
    #[command(flatten)]
    server: Server,
}

impl Cancel {
    pub(super) async fn run(self) -> Result<(), Failure> {
        ask(&self.server, Method::POST, &self.id, "/cancel").await?;
        Ok(())
    }
}

impl Again {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = ask(&self.server, Method::POST, &self.id, "/retry").await?;
        print_id(&job)
    }
}

impl Delete {
    pub(super) async fn run(self) -> Result<(), Failure> {
        ask(&self.server, Method::DELETE, &self.id, "").await?;
        Ok(())
    }
}

async fn ask(server: &Server, method: Method, id: &str, what: &str) -> Result<Value, Failure> {
    let path = format!("{}{what}", job_path(id)?);
    let (job, _) = server.client()?.json(method, &path, &[], None).await?;
    Ok(job)
}
