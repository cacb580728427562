//! The command line: parses arguments, runs the command and turns its outcome into an exit code.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::cli::log::{Log, LogFormat, LogSettings, print_failure};
use crate::cli::output::{ColorChoice, NotWritten, print};
use crate::cli::serve::early_log_format;
use crate::cli::{EXIT_DATA, EXIT_FAILED, Failure};
use crate::cli::{generated, maintenance, merge_driver, remote, run, serve, token};
use crate::operations::command;
use crate::store::disable_memory_statistics;
use crate::vital::panic_message;

/// Shown at the end of `cloakroom --help`.
const EXIT_CODES: &str = "\
Exit codes:
  0  success
  1  the job or the command failed
  2  invalid arguments or configuration
  3  the data folder is in use or unusable
  4  the server cannot listen on an address

`cloakroom COMMAND --help` describes the options of a command.";

#[derive(Parser)]
#[command(version, about, after_help = EXIT_CODES)]
pub(in crate::cli) struct Arguments {
    /// When to use colors. In "auto", on a terminal unless NO_COLOR is set.
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_possible_values = true,
        display_order = 1000
    )]
    color: ColorChoice,
    #[command(subcommand)]
    pub(in crate::cli) command: Command,
}

#[derive(Subcommand)]
pub(in crate::cli) enum Command {
    /// Start a server that accepts jobs over HTTP, runs them and keeps their results.
    ///
    /// Each option is also an environment variable and a key of the configuration file. The command line takes
    /// precedence over the environment, and the environment over the file.
    Serve(Box<serve::Serve>),
    /// Run one job and save its result.
    ///
    /// The job runs on a temporary server in this process, and paths in params are paths on this machine. With --url,
    /// the job runs on that server instead: input files are uploaded, and paths in params are paths on the server.
    /// CLOAKROOM_URL is ignored.
    Run(run::Run),
    #[command(flatten)]
    Remote(remote::Command),
    /// Check the data for damage.
    ///
    /// Checks the structure of the database and the SHA-256 of every result. Works while a server is running.
    Check(maintenance::Check),
    /// Back up the data to a file.
    ///
    /// Works while a server is running. To restore a backup, copy it into an empty data folder as cloakroom.db. Tokens
    /// are not included.
    Backup(maintenance::Backup),
    /// Merge XML files for git.
    ///
    /// Writes the merged document over OURS. Conflicts are marked in it, and the exit code is 1. To merge all XML files
    /// in this way, configure git: `git config merge.cloakroom.driver "cloakroom merge-driver %O %A %B"`, and add
    /// `*.xml merge=cloakroom` to .gitattributes.
    MergeDriver(merge_driver::MergeDriver),
    /// Manage the tokens with which clients authenticate.
    Token(token::Token),
    /// Print a script that completes commands in a shell.
    ///
    /// For bash, for example: cloakroom completions bash > /etc/bash_completion.d/cloakroom
    Completions(generated::Completions),
    /// Print the manual page.
    ///
    /// For example: cloakroom man > /usr/local/share/man/man1/cloakroom.1
    Man,
}

impl Arguments {
    /// Parses the command line; for `serve`, fills in settings from the environment and the configuration file, whose faults
    /// `serve` reports.
    ///
    /// # Errors
    /// An argument is invalid.
    pub(in crate::cli) fn layered() -> Result<Self, Failure> {
        let command = definition();
        let matches = parse(command.clone())?;
        if let Some(run) = matches.subcommand_matches("run")
            && !run.contains_id("operation")
        {
            return print_run_help(command);
        }
        Self::with_layers(command, matches).or_else(|error| report_clap_error(&error))
    }

    /// Fills in settings of `serve` from the environment and the configuration file.
    ///
    /// # Errors
    /// An argument is invalid together with these settings.
    fn with_layers(
        mut command: clap::Command,
        mut matches: ArgMatches,
    ) -> Result<Self, clap::Error> {
        let mut file = serve::File::default();
        if let Some(given) = matches.subcommand_matches("serve") {
            let flags = command
                .find_subcommand("serve")
                .cloned()
                .expect("`serve` is a subcommand");
            let layered;
            (layered, file) = serve::layered(flags, given);
            command = command.mut_subcommand("serve", |_| layered);
            matches = command.try_get_matches()?;
        }
        let mut arguments = Self::from_arg_matches(&matches)?;
        if let Command::Serve(serve) = &mut arguments.command {
            serve.file = file;
            serve.read_again = Some(Self::serve_again);
        }
        Ok(arguments)
    }

    /// Reads the settings of `serve` again.
    ///
    /// # Errors
    /// A setting is invalid.
    fn serve_again() -> Result<serve::Settings, Vec<String>> {
        let command = definition();
        let matches = command.clone().try_get_matches();
        match matches.and_then(|matches| Self::with_layers(command, matches)) {
            Ok(Self {
                command: Command::Serve(serve),
                ..
            }) => serve.into_settings(),
            Ok(_) => Err(vec!["the command is not `serve`".to_owned()]),
            Err(error) => Err(vec![error.to_string()]),
        }
    }

    /// Takes the token that the parent process chose and the sockets that systemd passed, if the command is `serve`, while
    /// no files are open.
    fn with_descriptors(mut self) -> Result<Self, Failure> {
        if let Command::Serve(serve) = &mut self.command {
            serve.take_chosen_token()?;
            serve.take_passed_sockets()?;
        }
        Ok(self)
    }
}

/// The commands with their flags and variables.
fn definition() -> clap::Command {
    let command = Arguments::command().mut_subcommand("serve", serve::with_variables);
    // `run --help` needs no operation; `run OPERATION --help` describes it.
    command.mut_subcommand("run", |run| {
        run.mut_arg("operation", |operation| {
            operation.required(false).required_unless_present("help")
        })
    })
}

fn print_run_help<T>(mut command: clap::Command) -> Result<T, Failure> {
    command.build();
    let run = command
        .find_subcommand_mut("run")
        .expect("`run` is a subcommand");
    print(&run.render_long_help().to_string())?;
    Err(Failure::quiet())
}

pub(in crate::cli) fn parse(command: clap::Command) -> Result<ArgMatches, Failure> {
    command
        .try_get_matches()
        .or_else(|error| report_clap_error(&error))
}

/// Prints clap's message: help and the version to stdout, usage errors to stderr. A usage error exits the process.
pub(in crate::cli) fn report_clap_error<T>(error: &clap::Error) -> Result<T, Failure> {
    if error.use_stderr() && early_log_format() == LogFormat::Json {
        let text = error.to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        print_failure(text.trim_end(), LogFormat::Json);
        std::process::exit(error.exit_code());
    }
    let printed = error
        .print()
        .and_then(|()| std::io::stdout().flush())
        .map_err(NotWritten::from);
    if error.use_stderr() {
        // If stderr cannot be written, the exit code alone reports the error.
        std::process::exit(error.exit_code());
    }
    printed?;
    Err(Failure::quiet())
}

/// Runs the program.
pub fn main() -> ExitCode {
    disable_memory_statistics();
    let fail_early = |failure: Failure| {
        finish(Err(failure), |message| {
            print_failure(message, early_log_format());
        })
    };
    let arguments = match Arguments::layered().and_then(Arguments::with_descriptors) {
        Ok(arguments) => arguments,
        Err(failure) => return fail_early(failure),
    };
    arguments.color.apply();
    let (is_server, settings) = match &arguments.command {
        Command::Serve(serve) => (true, Ok(serve.log_settings())),
        _ => (false, LogSettings::of_environment()),
    };
    let log = match settings {
        Ok(settings) => Log::start(settings),
        Err(failure) => return fail_early(failure),
    };
    let result = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => execute(arguments.command, runtime),
        Err(error) => Err(Failure::new(
            EXIT_FAILED,
            format!("cannot start the async runtime: {error}"),
        )),
    };
    if is_server {
        // Through the log's thread, so that a stuck reader of stderr cannot delay the exit.
        let code = finish(result, |message| log.write_failure(message));
        log.flush();
        code
    } else {
        log.flush();
        finish(result, |message| {
            print_failure(message, LogFormat::Text);
        })
    }
}

pub(in crate::cli) fn execute(command: Command, runtime: Runtime) -> Result<(), Failure> {
    let work = async {
        match command {
            Command::Serve(serve) => serve.run().await,
            Command::Run(run) => run.run().await,
            Command::Remote(command) => command.run().await,
            Command::Check(check) => check.run(),
            Command::Backup(backup) => backup.run(),
            Command::MergeDriver(driver) => driver.run(),
            Command::Token(token) => token.run(),
            Command::Completions(completions) => completions.run(definition()),
            Command::Man => generated::print_manual(definition()),
        }
    };
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    // Kill the child processes of command operations, however the server ended.
    command::kill_all();
    // Do not wait for reads from a slow disk: the store is closed already.
    runtime.shutdown_background();
    result.unwrap_or_else(|panic| {
        let message = format!("cloakroom panicked: {}", panic_message(&*panic));
        Err(Failure::new(EXIT_DATA, message))
    })
}

/// Reports a failure and returns the exit code.
pub(in crate::cli) fn finish(result: Result<(), Failure>, report: impl FnOnce(&str)) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_quiet() {
                report(&failure.message);
            }
            failure.code.into()
        }
    }
}
