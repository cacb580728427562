//! Submits a job to a running server: params and files as a form, with an idempotency key, so that retries create one job.

use std::path::Path;

use http::Method;
use serde_json::Value;

use crate::cli::client::{Client, Error, WithEtag};
use crate::cli::form::Form;
use crate::cli::job_args::JobArgs;
use crate::cli::params::fields;
use crate::cli::progress::ProgressReporter;
use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};

/// A submission.
pub(super) struct Submission<'a> {
    path: String,
    fields: Vec<(&'a str, &'a str)>,
    files: Vec<(&'a str, &'a Path)>,
    key: String,
    boundary: String,
}

impl<'a> Submission<'a> {
    /// The submission of a job with these options, and with a random idempotency key unless `key` is one.
    ///
    /// # Errors
    /// The operation's name, a param or a file is malformed.
    pub(super) fn new(
        job: &'a JobArgs,
        options: &[(&str, String)],
        key: Option<&str>,
    ) -> Result<Self, Failure> {
        let mut path = operation_path(&job.operation)?;
        if !options.is_empty() {
            let mut query = form_urlencoded::Serializer::new(path + "?");
            query.extend_pairs(options);
            path = query.finish();
        }
        Ok(Self {
            path,
            fields: fields(&job.params)?,
            files: job
                .input
                .iter()
                .map(|input| named_file(input))
                .collect::<Result<_, _>>()?,
            key: key.map_or_else(random, |key| Ok(key.to_owned()))?,
            boundary: random()?,
        })
    }

    /// Sends the submission, retries it when a connection breaks, and returns the job.
    ///
    /// # Errors
    /// The server is unreachable, rejects the submission, or stays unavailable for too long.
    pub(super) async fn send(
        &self,
        client: &Client,
        progress: &mut ProgressReporter,
    ) -> Result<WithEtag, Error> {
        let mut budget = client.retry_budget();
        let mut was_reached = false;
        loop {
            let form = self.form()?;
            let can_repeat = form.can_repeat();
            let content_type = form.content_type();
            let headers = [
                ("content-type", content_type.as_str()),
                ("idempotency-key", &self.key),
            ];
            progress.begin_transfer("Sending", form.bytes());
            let body = form.into_body(progress.adder());
            match client.form(&self.path, &headers, body).await {
                Ok(job) => return Ok(job),
                // A server that was never reachable is not waited for.
                Err(error @ Error::Unreachable(_)) if !was_reached => return Err(error),
                Err(error) if !can_repeat => return Err(error),
                Err(error) => {
                    was_reached = true;
                    budget.wait(error, progress).await?;
                }
            }
        }
    }

    /// Builds a new form for each attempt, which reads the files from their beginning.
    fn form(&self) -> Result<Form, Error> {
        let mut form = Form::new(self.boundary.clone());
        for (name, value) in &self.fields {
            form.field(name, value);
        }
        for (name, path) in &self.files {
            form.file(name, path)?;
        }
        Ok(form)
    }
}

/// The description of an operation.
///
/// # Errors
/// - There is no such operation; the message names those that exist
/// - The server cannot be reached, or answers with an error
pub(super) async fn operation(client: &Client, name: &str) -> Result<Value, Failure> {
    let path = operation_path(name)?;
    match client.json(Method::GET, &path, &[], None).await {
        Ok((operation, _)) => Ok(operation),
        Err(error) if error.is_not_found() => Err(Failure {
            code: EXIT_FAILED,
            ..unknown_operation(client, name).await
        }),
        Err(error) => Err(error.into()),
    }
}

/// The path of an operation.
///
/// # Errors
/// The name has characters that would lead to another path.
pub(super) fn operation_path(name: &str) -> Result<String, Failure> {
    let is_valid = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || !name.bytes().all(is_valid) {
        let message =
            format!("invalid operation name {name:?}: use letters, digits, \"-\", \"_\" and \".\"");
        return Err(Failure::new(EXIT_USAGE, message));
    }
    Ok(format!("/v1/operations/{name}"))
}

/// The failure for an unknown operation, with the names of those that exist.
pub(super) async fn unknown_operation(client: &Client, operation: &str) -> Failure {
    let all = match client.json(Method::GET, "/v1/operations", &[], None).await {
        Ok((all, _)) => all,
        Err(error) => return error.into(),
    };
    let operations = all["operations"].as_array().into_iter().flatten();
    let names: Vec<_> = operations
        .filter_map(|operation| operation["name"].as_str())
        .collect();
    let names = names.join(", ");
    let message = format!("unknown operation {operation:?}; available operations: {names}");
    Failure::new(EXIT_USAGE, message)
}

fn random() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::new(EXIT_FAILED, error))?;
    Ok(hex::encode(random))
}

/// Splits `name=FILE`.
fn named_file(text: &str) -> Result<(&str, &Path), Failure> {
    let wrong = || Failure::new(EXIT_USAGE, format!("expected NAME=FILE, found {text:?}"));
    let (name, path) = text.split_once('=').ok_or_else(wrong)?;
    Ok((name, Path::new(path)))
}
