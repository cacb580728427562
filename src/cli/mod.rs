//! The command line: arguments become a [`crate::config::Config`], the parts are put together, and the end becomes an
//! exit code.

mod care;
mod client;
mod follow;
mod form;
mod params;
mod progress;
mod remote;
mod run;
mod save;
mod serve;
mod signals;
mod submission;
mod token;

use std::fmt::Display;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cloakroom::StartError;
use crate::operations::command;

/// The job or the command failed.
const EXIT_FAILED: u8 = 1;
/// Usage or configuration.
const EXIT_USAGE: u8 = 2;
/// The data is in use or unusable.
const EXIT_DATA: u8 = 3;
/// Cannot listen.
const EXIT_LISTEN: u8 = 4;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take jobs over HTTP, run them, keep their results.
    Serve(Box<serve::Serve>),
    /// Do one job and save its result.
    Run(run::Run),
    #[command(flatten)]
    Remote(remote::Command),
    /// Check the data: the file's structure, and the SHA-256 of every result.
    Check(care::Check),
    /// Copy the data, also while it is served.
    Backup(care::Backup),
    /// Say who may use the server.
    Token(token::Token),
}

impl Arguments {
    /// The command line, and for a server what the environment and its configuration file add.
    fn layered() -> Result<Self, Failure> {
        let mut command = Self::command().mut_subcommand("serve", serve::with_variables);
        let mut matches = command.clone().get_matches();
        let mut file = serve::File::default();
        if let Some(given) = matches.subcommand_matches("serve") {
            let flags = command
                .find_subcommand("serve")
                .cloned()
                .expect("it is declared above");
            let (layered, found) = serve::layered(flags, given)
                .map_err(|message| Failure::new(EXIT_USAGE, message))?;
            file = found;
            command = command.mut_subcommand("serve", |_| layered);
            matches = command.get_matches();
        }
        let mut arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        if let Command::Serve(serve) = &mut arguments.command {
            serve.file = file;
        }
        Ok(arguments)
    }
}

/// Why a command ends, and with which exit code.
#[derive(Debug)]
struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    fn new(code: u8, message: impl Display) -> Self {
        Self {
            code,
            message: message.to_string(),
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let code = match error {
            StartError::Exposed(_)
            | StartError::Operation(_)
            | StartError::Route(_)
            | StartError::Root { .. } => EXIT_USAGE,
            StartError::Data(_) | StartError::Recovery(_) => EXIT_DATA,
            StartError::Listen { .. } | StartError::Listener(_) => EXIT_LISTEN,
        };
        Self::new(code, error)
    }
}

/// Logs to stderr, from this level on or as `CLOAKROOM_LOG` says: a level, or one for each target, `info,hyper=debug`.
fn log(level: &str) -> Result<(), Failure> {
    let said = std::env::var("CLOAKROOM_LOG").ok();
    let wanted = said
        .as_deref()
        .filter(|said| !said.is_empty())
        .unwrap_or(level);
    let targets: Targets = wanted
        .parse()
        .map_err(|error| Failure::new(EXIT_USAGE, format!("CLOAKROOM_LOG={wanted}: {error}")))?;
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .finish()
        .with(targets)
        .init();
    Ok(())
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::layered() {
        Ok(arguments) => arguments,
        Err(failure) => return end(Err(failure)),
    };
    // A server says what it does; a tool speaks when something is wrong.
    let level = if matches!(arguments.command, Command::Serve(_)) {
        "info"
    } else {
        "error"
    };
    if let Err(failure) = log(level) {
        return end(Err(failure));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return end(Err(Failure::new(
                EXIT_FAILED,
                format!("no runtime: {error}"),
            )));
        }
    };
    let result = runtime.block_on(async {
        match arguments.command {
            Command::Serve(serve) => serve.run().await,
            Command::Run(run) => run.run().await,
            Command::Remote(command) => command.run().await,
            Command::Check(check) => check.run(),
            Command::Backup(backup) => backup.run(),
            Command::Token(token) => token.run(),
        }
    });
    // However it ended: what commands have started in their groups ends with the server.
    command::kill_all();
    // Reads that a slow disk holds up are not waited for: the store is closed already.
    runtime.shutdown_background();
    end(result)
}

fn end(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("cloakroom: {}", failure.message);
            failure.code.into()
        }
    }
}
