//! `cloakroom serve`.

use std::path::PathBuf;

use crate::cli::log::{LogSettings, print_warning};
use crate::cli::output::print_line;
use crate::cli::serve::announce::{Announcement, ServerFile};
use crate::cli::serve::chosen_token;
use crate::cli::serve::faults::messages;
use crate::cli::serve::file::File;
use crate::cli::serve::flags::Flags;
use crate::cli::serve::parent::Parent;
use crate::cli::serve::passed_sockets::PassedSockets;
use crate::cli::serve::reload::{ReadAgain, Reload, Settings};
use crate::cli::serve::service_manager;
use crate::cli::signals::{Hangup, Signals};
use crate::cli::token::failure;
use crate::cli::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::cloakroom::{Cloakroom, StartError};
use crate::config::{Config, Listen};
use crate::operations::command;
use crate::tokens::Tokens;
use crate::{descriptors, memory};

/// Shown at the end of the help.
const EXAMPLES: &str = "\
Examples:
  cloakroom serve --root docs=/srv/docs --root archive=/srv/archive:ro
  cloakroom serve --data /var/lib/cloakroom --listen unix:/run/cloakroom.sock
  cloakroom serve --config cloakroom.toml --check-config";

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Serve {
    /// Configuration file in TOML; none is read by default.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli::serve) config: Option<PathBuf>,
    /// Check the settings, report all errors and exit.
    ///
    /// Also warns of commands whose program cannot be found.
    #[arg(long)]
    pub(in crate::cli::serve) check_config: bool,
    #[command(flatten)]
    pub(in crate::cli::serve) flags: Flags,
    /// The sections of the configuration file.
    #[arg(skip)]
    pub(in crate::cli) file: File,
    /// Reads all settings again.
    #[arg(skip)]
    pub(in crate::cli) read_again: Option<ReadAgain>,
    /// The token of this run that the parent process chose.
    #[arg(skip)]
    chosen_token: Option<String>,
    /// The sockets that systemd passed.
    #[arg(skip)]
    passed_sockets: PassedSockets,
}

impl Serve {
    /// Takes the token that the parent process chose, if there is one. Must be called before this process opens files or
    /// starts threads.
    ///
    /// # Errors
    /// The token cannot be read.
    pub(in crate::cli) fn take_chosen_token(&mut self) -> Result<(), Failure> {
        self.chosen_token = chosen_token::take(self.flags.token_fd)?;
        Ok(())
    }

    /// Takes the sockets that systemd passed, if there are any. Must be called after [`Serve::take_chosen_token`], which may
    /// start the program again, and before this process opens files or starts threads.
    ///
    /// # Errors
    /// A descriptor is not a listening socket.
    pub(in crate::cli) fn take_passed_sockets(&mut self) -> Result<(), Failure> {
        self.passed_sockets = PassedSockets::take()?;
        Ok(())
    }

    /// How the server logs.
    pub(in crate::cli) fn log_settings(&self) -> LogSettings {
        self.flags.log_settings()
    }

    pub(in crate::cli) async fn run(mut self) -> Result<(), Failure> {
        if self.check_config {
            return self.check();
        }
        let faults = std::mem::take(&mut self.file.faults);
        if !faults.is_empty() {
            return Err(invalid(&faults));
        }
        let lines = std::mem::take(&mut self.file.lines);
        let refused = |error: StartError| match error {
            StartError::Route(fault) => Failure::new(EXIT_USAGE, lines.route_error(&fault)),
            StartError::Root { ref path, .. } => {
                Failure::new(EXIT_USAGE, lines.root_error(path, &error))
            }
            other => other.into(),
        };
        let flags = &self.flags;
        let announce = flags.announce;
        let (token_per_run, exit_with_parent) = (flags.token_per_run, flags.exit_with_parent);
        let usage = |message| Failure::new(EXIT_USAGE, message);
        let chosen_token = self.chosen_token.take();
        let mut reload = Reload {
            read: self.read_again,
            has_file: self.config.is_some(),
            process: flags.process_settings(),
            connections: (0, 0),
            has_passed_sockets: !self.passed_sockets.is_empty(),
        };
        let sockets = std::mem::take(&mut self.passed_sockets);
        let replaces_default = reload.has_passed_sockets && !self.file.sets_listen;
        // Before anything can take long: the default action of this signal would end the process.
        let mut hangup = Hangup::new().map_err(|error| no_signals(&error))?;
        let mut config = self.settings();
        if replaces_default {
            config.listen.clear();
        }
        reload.connections.0 = config.limits.max_connections;
        config.limits.max_connections = descriptors::raise_fd_limit(config.limits.max_connections);
        reload.connections.1 = config.limits.max_connections;
        let (data, mut drain_timeout) = (config.data.clone(), config.drain_timeout);
        let tokens = tokens(&config, token_per_run, chosen_token.as_deref())?;
        // The parent process knows the token that it chose.
        let token = tokens.run_token().filter(|_| chosen_token.is_none());
        let token = token.map(str::to_owned);
        let builder = sockets.add_to(Cloakroom::builder().config(config).tokens(tokens));
        let mut signals = Signals::new().map_err(|error| no_signals(&error))?;
        let mut parent = if exit_with_parent {
            Parent::watch().map_err(usage)?
        } else {
            Parent::unwatched()
        };
        // All child processes are those of command operations, so reaping orphans is safe.
        command::become_reaper();
        let cloakroom = builder.start().await.map_err(refused)?;
        let announcement = Announcement::new(cloakroom.addresses(), token);
        announcement.log();
        let file = ServerFile::write(&data, &announcement);
        // On a thread of its own, since a stuck reader would block it.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = announcement.print(announce) {
                tracing::warn!(%error, "cannot write the announcement to standard output");
            }
        }));
        memory::trim_heap();
        let urls: Vec<_> = cloakroom.addresses().iter().map(Listen::url).collect();
        let status = format!("listening on {}", urls.join(" "));
        service_manager::ready(&status);
        let watchdog = tokio::spawn(service_manager::feed_watchdog(cloakroom.pulse()));
        loop {
            tokio::select! {
                () = signals.next() => break,
                () = parent.exited() => {
                    tracing::info!("standard input was closed");
                    break;
                }
                reason = cloakroom.failure() => {
                    cloakroom.hang_up().await;
                    return Err(Failure::new(EXIT_DATA, reason));
                }
                () = hangup.next() => {}
            }
            service_manager::reloading();
            tokio::select! {
                () = signals.next() => break,
                config = reload.run(&cloakroom) => {
                    drain_timeout = config.map_or(drain_timeout, |config| config.drain_timeout);
                    service_manager::ready(&status);
                }
            }
        }
        service_manager::stopping();
        watchdog.abort();
        tracing::info!("stopping; send a second signal to stop immediately");
        // While this process still holds the lock of the data folder.
        drop(file);
        tokio::select! {
            () = cloakroom.shutdown(drain_timeout) => {
                tracing::info!("stopped");
                Ok(())
            }
            reason = cloakroom.failure() => Err(Failure::new(EXIT_DATA, reason)),
            () = signals.next() => {
                let message = "stopped immediately; interrupted jobs are recovered at the next start";
                Err(Failure::new(EXIT_FAILED, message))
            }
        }
    }

    /// All settings, for a reload.
    ///
    /// # Errors
    /// The errors of the configuration file and the environment.
    pub(in crate::cli) fn into_settings(mut self) -> Result<Settings, Vec<String>> {
        let faults = std::mem::take(&mut self.file.faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Settings {
            lines: std::mem::take(&mut self.file.lines),
            process: self.flags.process_settings(),
            sets_listen: self.file.sets_listen,
            config: self.settings(),
        })
    }

    /// Checks the settings, and prints that they are valid. Warns of programs that cannot be found.
    ///
    /// # Errors
    /// All faults.
    fn check(mut self) -> Result<(), Failure> {
        let mut faults = std::mem::take(&mut self.file.faults);
        let lines = std::mem::take(&mut self.file.lines);
        let token_per_run = self.flags.token_per_run;
        let format = self.log_settings().format;
        let chosen_token = self.chosen_token.take();
        let config = self.settings();
        for warning in lines.missing_programs(&config) {
            print_warning(&warning, format);
        }
        let routes = config.served_routes().to_vec();
        let tokens = match tokens(&config, token_per_run, chosen_token.as_deref()) {
            Ok(tokens) => tokens,
            // A damaged token file alone is an error of the data.
            Err(error) if faults.is_empty() => return Err(error),
            Err(error) => {
                faults.push(error.message);
                Tokens::none()
            }
        };
        let builder = Cloakroom::builder().config(config).tokens(tokens);
        faults.extend(messages(builder.faults(), &lines, &routes));
        if !faults.is_empty() {
            return Err(invalid(&faults));
        }
        print_line("configuration is valid")?;
        Ok(())
    }

    pub(in crate::cli::serve) fn settings(self) -> Config {
        let mut config = Config::default();
        self.file.fill(&mut config);
        self.flags.fill(&mut config);
        config
    }
}

fn no_signals(error: &std::io::Error) -> Failure {
    let message = format!("cannot install signal handlers: {error}");
    Failure::new(EXIT_FAILED, message)
}

/// The failure of an invalid configuration.
fn invalid(faults: &[String]) -> Failure {
    let message = match faults {
        [fault] => fault.clone(),
        faults => format!(
            "the configuration has {} errors:\n{}",
            faults.len(),
            faults.join("\n")
        ),
    };
    Failure::new(EXIT_USAGE, message)
}

/// Opens the tokens, without writing to the data folder.
///
/// # Errors
/// The token file cannot be read or is invalid, or the token of the parent process can be guessed.
pub(in crate::cli::serve) fn tokens(
    config: &Config,
    per_run: bool,
    chosen: Option<&str>,
) -> Result<Tokens, Failure> {
    let tokens = Tokens::open(&config.data);
    let tokens = match chosen {
        Some(text) => tokens.and_then(|tokens| tokens.with_chosen_run_token(text)),
        None if per_run => tokens.and_then(Tokens::with_run_token),
        None => tokens,
    };
    tokens.map_err(failure)
}
