//! The arguments of commands about one job.

use http::Method;
use serde_json::Value;

use crate::cli::client::Client;
use crate::cli::remote::connection::Server;
use crate::cli::{EXIT_FAILED, EXIT_USAGE, Failure};
use crate::job::JobId;

/// Length of a complete ID, in characters.
const ID_CHARS: usize = 26;
/// Shortest prefix of an ID, in characters.
const PREFIX_CHARS: usize = 6;
/// Most IDs to list when a prefix is ambiguous.
const LISTED_IDS: usize = 10;

/// A job on a running server.
#[derive(clap::Args)]
pub(in crate::cli) struct Job {
    /// ID of the job, or its first characters (at least 6).
    id: String,
    #[command(flatten)]
    server: Server,
}

impl Job {
    /// Finds the job: a client of its server, and its path there. A complete ID is not looked up.
    ///
    /// # Errors
    /// - The ID has characters other than letters and digits, or is too short
    /// - It is the prefix of no job's ID, or of several
    /// - The server's URL is invalid, or no server is running on the data folder
    /// - The server cannot be reached, or answers with an error
    pub(in crate::cli::remote) async fn find(&self) -> Result<(Client, String), Failure> {
        let id = &self.id;
        if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric()) {
            let message = format!("invalid job ID {id:?}: expected letters and digits");
            return Err(Failure::new(EXIT_USAGE, message));
        }
        if id.len() < PREFIX_CHARS {
            let message = format!(
                "{id:?} is too short: give at least {PREFIX_CHARS} characters of the job ID"
            );
            return Err(Failure::new(EXIT_USAGE, message));
        }
        let client = self.server.client()?;
        let id = if id.len() < ID_CHARS {
            complete(&client, id).await?
        } else {
            id.clone()
        };
        Ok((client, format!("/v1/jobs/{id}")))
    }

    /// The command that prints the log of this job.
    pub(in crate::cli::remote) fn log_hint(&self, job: &Value) -> String {
        self.server.log_hint(job)
    }
}

/// The only ID that begins with `prefix`.
async fn complete(client: &Client, prefix: &str) -> Result<String, Failure> {
    let (mut ids, mut after) = (Vec::new(), String::new());
    if JobId::with_prefix(prefix).is_none() {
        return Err(none(prefix));
    }
    // A page may be short or even empty, because jobs are large or have expired.
    while ids.len() <= LISTED_IDS {
        let limit = LISTED_IDS + 1 - ids.len();
        let path = format!("/v1/jobs?id-prefix={prefix}&limit={limit}{after}");
        let (page, _) = client.json(Method::GET, &path, &[], None).await?;
        let jobs = page["jobs"].as_array().into_iter().flatten();
        ids.extend(jobs.filter_map(|job| job["id"].as_str().map(str::to_owned)));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    match ids.as_slice() {
        [id] => Ok(id.clone()),
        [] => Err(none(prefix)),
        _ => {
            let mut message = format!("several jobs have an ID that begins with {prefix}:");
            for id in ids.iter().take(LISTED_IDS) {
                message.push_str(&format!("\n  {id}"));
            }
            if ids.len() > LISTED_IDS {
                message.push_str("\n  and more; see `cloakroom jobs`");
            }
            Err(Failure::new(EXIT_FAILED, message))
        }
    }
}

fn none(prefix: &str) -> Failure {
    let message = format!("no job has an ID that begins with {prefix}");
    Failure::new(EXIT_FAILED, message)
}
