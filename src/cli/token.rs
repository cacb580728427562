//! `cloakroom token`: manages the tokens. A running server notices changes by itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::output::{NotWritten, print_line};
use super::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::tokens::{self, Error};

#[derive(clap::Args)]
pub(super) struct Token {
    /// Data folder of the server.
    #[arg(
        long,
        value_name = "DIR",
        env = "CLOAKROOM_DATA",
        hide_env_values = true,
        default_value = "cloakroom-data",
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
    },
    /// List the tokens: their names, and which of them are admin tokens.
    List,
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
            Action::Add { name, admin } => {
                let text = tokens::add(&self.data, &name, admin).map_err(failure)?;
                print_line(text).map_err(|error| forget(&self.data, &name, &error))?;
            }
            Action::List => {
                for token in tokens::list(&self.data).map_err(failure)? {
                    let admin = if token.admin { " admin" } else { "" };
                    print_line(format_args!("{}{admin}", token.name))?;
                }
            }
            Action::Remove { name } => tokens::remove(&self.data, &name).map_err(failure)?,
            Action::Off => tokens::turn_off(&self.data).map_err(failure)?,
        }
        Ok(())
    }
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
        Error::Name(_) | Error::Taken(_) => EXIT_USAGE,
        Error::Unknown(_) | Error::Unwritable { .. } | Error::Random(_) => EXIT_FAILED,
        Error::Unreadable { .. }
        | Error::Line { .. }
        | Error::Empty { .. }
        | Error::Missing { .. } => EXIT_DATA,
    };
    Failure::new(code, error)
}
