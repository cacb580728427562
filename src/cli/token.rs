//! `cloakroom token`: who may use the server. A running one hears of it by itself.

use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::output::{NotWritten, print_line};
use super::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::tokens::{self, Error};

#[derive(clap::Args)]
pub(super) struct Token {
    /// The folder of the server's data.
    #[arg(
        long,
        value_name = "DIR",
        env = "CLOAKROOM_DATA",
        default_value = "cloakroom-data",
        global = true
    )]
    data: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a token and print it, this once.
    Add {
        /// What it is called; jobs belong to this name.
        name: String,
        /// It sees the jobs of everybody.
        #[arg(long)]
        admin: bool,
    },
    /// Print the names, and which are admins.
    List,
    /// Remove a token; its jobs stay until they expire. Without tokens left, the server rejects every request.
    Remove {
        /// Its name.
        name: String,
    },
    /// Remove every token, and let the server answer requests without one.
    ///
    /// A running server does so within a second, unless other machines can reach it (--listen, --public-url) or
    /// --allow-origin null is set: then it keeps its tokens, and its log says so.
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

/// A token whose text nobody has seen is of no use, and is not left behind.
fn forget(data: &Path, name: &str, error: &NotWritten) -> Failure {
    let what = match tokens::remove(data, name) {
        Ok(()) => "no token was made".to_owned(),
        Err(left) => format!("the token {name} could not be removed again: {left}"),
    };
    Failure::new(EXIT_FAILED, format!("{error}; {what}"))
}

/// The exit code of a token file that cannot be used is the same here and in `serve`.
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
