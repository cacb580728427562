//! `cancel`, `retry`, `delete`: control a job.

use http::Method;
use serde_json::Value;

use crate::cli::Failure;
use crate::cli::remote::Server;
use crate::cli::remote::job_path;
use crate::cli::remote::print_id;

#[derive(clap::Args)]
pub(in crate::cli) struct Cancel {
    /// The job's ID.
    id: String,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Again {
    /// The job's ID.
    id: String,
    #[command(flatten)]
    server: Server,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Delete {
    /// The job's ID.
    id: String,
    #[command(flatten)]
    server: Server,
}

impl Cancel {
    pub(super) async fn run(self) -> Result<(), Failure> {
        request(&self.server, Method::POST, &self.id, "/cancel").await?;
        Ok(())
    }
}

impl Again {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let job = request(&self.server, Method::POST, &self.id, "/retry").await?;
        print_id(&job)
    }
}

impl Delete {
    pub(super) async fn run(self) -> Result<(), Failure> {
        request(&self.server, Method::DELETE, &self.id, "").await?;
        Ok(())
    }
}

async fn request(
    server: &Server,
    method: Method,
    id: &str,
    action: &str,
) -> Result<Value, Failure> {
    let path = format!("{}{action}", job_path(id)?);
    let (job, _) = server.client()?.json(method, &path, &[], None).await?;
    Ok(job)
}
