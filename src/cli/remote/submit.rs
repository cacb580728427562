//! `submit`: hands in a job.

use super::super::params::fields;
use super::form::{Form, named_file};
use super::{EXIT_USAGE, Failure, Server};

#[derive(clap::Args)]
pub(in crate::cli) struct Submit {
    /// What to do: the name of an operation.
    operation: String,
    /// The operation's params; paths are the server's. A name that comes twice is a list.
    #[arg(value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// A document to send along. Repeatable.
    #[arg(short, long, value_name = "NAME=FILE")]
    input: Vec<String>,
    /// A name for this submission: the same one again makes no second job.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    server: Server,
}

impl Submit {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        if !self.operation.bytes().all(is_name) {
            let message = format!("{:?} is no name of an operation", self.operation);
            return Err(Failure::new(EXIT_USAGE, message));
        }
        let mut form = Form::new()?;
        for (name, value) in fields(&self.params)? {
            form.field(name, value);
        }
        for input in &self.input {
            let (name, path) = named_file(input)?;
            form.file(name, path)?;
        }
        let content_type = form.content_type();
        let mut headers = vec![("content-type", content_type.as_str())];
        headers.extend(
            self.idempotency_key
                .iter()
                .map(|key| ("idempotency-key", key.as_str())),
        );
        let path = format!("/v1/operations/{}", self.operation);
        let client = self.server.client()?;
        let job = client.form(&path, &headers, form.into_body()).await?;
        println!("{}", job["id"].as_str().unwrap_or_default());
        Ok(())
    }
}
