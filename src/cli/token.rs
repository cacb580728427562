//! `cloakroom token`: manages the tokens. A running server notices changes by itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Subcommand;
use serde_json::{Value, json};

use super::output::{NotWritten, print, print_line};
use super::remote::table;
use super::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::config::data_folder;
use crate::tokens::{self, Error, TokenKind};

#[derive(clap::Args)]
pub(super) struct Token {
    /// Data folder of the server.
    #[arg(
        long,
        value_name = "DIR|auto",
        env = "CLOAKROOM_DATA",
        hide_env_values = true,
        default_value = "cloakroom-data",
        value_parser = data_folder,
        global = true
    )]
    data: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Create a token and print it.
    ///
    /// The token is not stored and cannot be shown again. A running server accepts it at once.
    Add {
        /// Name of the token. Jobs belong to the name of the token that submitted them.
        name: String,
        /// Create an admin token, which can see and control all jobs.
        #[arg(long)]
        admin: bool,
        /// Create a token that gives access only to GET /metrics.
        #[arg(long, conflicts_with = "admin")]
        metrics: bool,
        /// When the token expires: a duration from now like 90d, a date, or an RFC 3339 time. By default it never does.
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<SystemTime>,
    },
    /// List the tokens: their names, kinds (user, admin or metrics), expiry times and when they were last used.
    ///
    /// A running server saves the times of use once a minute and when it stops.
    List {
        /// Print JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Replace a token by a new one with the same name and kind, and print the new one.
    ///
    /// Jobs belong to the name, so the new token gives access to the jobs of the old one. With --grace, both are valid
    /// until the clients have the new one; an older token that is still within its own grace period ends at once.
    Rotate {
        /// Name of the token.
        name: String,
        /// How long the old token stays valid.
        #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
        grace: Duration,
        /// When the new token expires: a duration from now like 90d, a date, or an RFC 3339 time. By default when the
        /// old one would have expired.
        #[arg(long, value_name = "TIME", value_parser = expiry)]
        expires: Option<SystemTime>,
    },
    /// Remove a token.
    ///
    /// A running server rejects the token within a second. Its jobs are kept until they expire. After the last token
    /// is removed, the server rejects every request; use `cloakroom token off` to allow requests without a token.
    Remove {
        /// Name of the token.
        name: String,
    },
    /// Remove all tokens and allow requests without a token.
    ///
    /// A running server follows within a second. If other machines can reach it (--listen, --public-url), or
    /// --allow-origin null is set, it keeps its tokens and logs an error instead.
    Off,
}

impl Token {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Add {
                name,
                admin,
                metrics,
                expires,
            } => {
                let kind = match (admin, metrics) {
                    (true, _) => TokenKind::Admin,
                    (_, true) => TokenKind::Metrics,
                    _ => TokenKind::User,
                };
                let text = tokens::add(&self.data, &name, kind, expires).map_err(failure)?;
                print_line(text).map_err(|error| forget(&self.data, &name, &error))?;
            }
            Action::List { json } => {
                let tokens = tokens::list(&self.data).map_err(failure)?;
                if json {
                    let tokens: Vec<_> = tokens.iter().map(to_json).collect();
                    print_line(json!({ "tokens": tokens }))?;
                } else if !tokens.is_empty() {
                    let rows: Vec<_> = tokens.iter().map(row).collect();
                    print(&table(
                        ["NAME", "KIND", "STATE", "EXPIRES", "LAST USED"],
                        &rows,
                    ))?;
                }
            }
            Action::Rotate {
                name,
                grace,
                expires,
            } => {
                let text = tokens::rotate(&self.data, &name, grace, expires).map_err(failure)?;
                print_line(text).map_err(|error| {
                    error.after(format_args!(
                        "the token {name} was replaced, but the new one is lost; run the command again"
                    ))
                })?;
            }
            Action::Remove { name } => tokens::remove(&self.data, &name).map_err(failure)?,
            Action::Off => tokens::turn_off(&self.data).map_err(failure)?,
        }
        Ok(())
    }
}

fn row(listed: &tokens::ListedToken) -> [String; 5] {
    let token = &listed.token;
    [
        token.name.to_string(),
        token.kind.as_str().to_owned(),
        state(token).to_owned(),
        token.expires.map_or_else(|| "never".to_owned(), rfc3339),
        listed
            .last_used
            .map_or_else(|| "unknown".to_owned(), rfc3339),
    ]
}

fn to_json(listed: &tokens::ListedToken) -> Value {
    let token = &listed.token;
    json!({
        "name": &*token.name,
        "kind": token.kind.as_str(),
        "state": state(token),
        "expiresAt": token.expires.map(rfc3339),
        "lastUsed": listed.last_used.map(rfc3339),
    })
}

/// Whether a token is `valid`, has `expired`, or was `replaced` and is valid for its grace period.
fn state(token: &tokens::Token) -> &'static str {
    if token.has_expired(SystemTime::now()) {
        "expired"
    } else if token.replaced {
        "replaced"
    } else {
        "valid"
    }
}

fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// Parses the time at which a token expires.
fn expiry(text: &str) -> Result<SystemTime, String> {
    let time = if let Ok(left) = humantime::parse_duration(text) {
        SystemTime::now().checked_add(left)
    } else {
        let is_date = !text.contains(':');
        let midnight = if is_date { "T00:00:00Z" } else { "" };
        humantime::parse_rfc3339_weak(&format!("{text}{midnight}")).ok()
    };
    time.ok_or_else(|| {
        "expected a duration like 90d, a date like 2030-12-31, or a time like 2030-12-31T18:00:00Z"
            .to_owned()
    })
}

/// Removes a token that could not be printed: without its text it is of no use.
fn forget(data: &Path, name: &str, error: &NotWritten) -> Failure {
    let outcome = match tokens::remove(data, name) {
        Ok(()) => "no token was created".to_owned(),
        Err(left) => format!("the token {name} could not be removed again: {left}"),
    };
    Failure::new(EXIT_FAILED, format!("{error}; {outcome}"))
}

/// The failure for a token error. `serve` uses the same exit codes.
pub(super) fn failure(error: Error) -> Failure {
    let code = match error {
        Error::Name(_) | Error::Taken(_) | Error::Expired(_) | Error::Weak(_) => EXIT_USAGE,
        Error::Unknown(_) | Error::Unwritable { .. } | Error::Random(_) => EXIT_FAILED,
        Error::Unreadable { .. }
        | Error::Line { .. }
        | Error::Empty { .. }
        | Error::Missing { .. } => EXIT_DATA,
    };
    Failure::new(code, error)
}
