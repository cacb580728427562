//! `cloakroom serve`.

use std::path::PathBuf;

use crate::cli::serve::announce::{Announcement, ServerFile};
use crate::cli::serve::file::File;
use crate::cli::serve::flags::Flags;
use crate::cli::serve::parent::Parent;
use crate::cli::signals::Signals;
use crate::cli::token::failure;
use crate::cli::{EXIT_DATA, EXIT_FAILED, EXIT_USAGE, Failure};
use crate::cloakroom::{Cloakroom, StartError};
use crate::config::Config;
use crate::operations::command;
use crate::tokens::Tokens;
use crate::{descriptors, memory};

#[derive(clap::Args)]
pub(in crate::cli) struct Serve {
    /// Read more settings from a file; none is read without this.
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli::serve) config: Option<PathBuf>,
    /// Say whether the settings are in order, and do nothing else.
    #[arg(long)]
    pub(in crate::cli::serve) check_config: bool,
    #[command(flatten)]
    pub(in crate::cli::serve) flags: Flags,
    /// What the file says besides flags.
    #[arg(skip)]
    pub(in crate::cli) file: File,
}

impl Serve {
    pub(in crate::cli) async fn run(mut self) -> Result<(), Failure> {
        let places = std::mem::take(&mut self.file.places);
        let refused = |error: StartError| match error {
            StartError::Route(fault) => Failure::new(EXIT_USAGE, places.show_route(&fault)),
            StartError::Root { ref path, .. } => {
                Failure::new(EXIT_USAGE, places.show_root(path, &error))
            }
            other => other.into(),
        };
        let flags = &self.flags;
        let (announce, only_check) = (flags.announce, self.check_config);
        let (token_per_run, exit_with_parent) = (flags.token_per_run, flags.exit_with_parent);
        let usage = |message| Failure::new(EXIT_USAGE, message);
        let mut config = self.settings();
        if !only_check {
            config.limits.max_connections =
                descriptors::raise_fd_limit(config.limits.max_connections);
        }
        let (data, drain_timeout) = (config.data.clone(), config.drain_timeout);
        let tokens = tokens(&config, token_per_run)?;
        let token = tokens.run_token().map(str::to_owned);
        let builder = Cloakroom::builder().config(config).tokens(tokens);
        if only_check {
            return builder.check().map_err(refused);
        }
        let mut signals = Signals::new().map_err(|error| {
            Failure::new(EXIT_FAILED, format!("cannot handle signals: {error}"))
        })?;
        let mut parent = if exit_with_parent {
            Parent::watch().map_err(usage)?
        } else {
            Parent::immortal()
        };
        // This process has no children but commands.
        command::become_reaper();
        let cloakroom = builder.start().await.map_err(refused)?;
        let announcement = Announcement::new(cloakroom.addresses(), token);
        let file = ServerFile::write(&data, &announcement);
        // A reader that is stuck holds up nothing else.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = announcement.say(announce) {
                tracing::warn!(%error, "the announcement could not be written to standard output");
            }
        }));
        memory::trim_heap();
        tokio::select! {
            () = signals.next() => {}
            () = parent.gone() => tracing::info!("standard input has ended"),
            reason = cloakroom.failure() => {
                cloakroom.hang_up().await;
                return Err(Failure::new(EXIT_DATA, reason));
            }
        }
        tracing::info!("stopping; a second signal stops at once");
        // While the data is still ours.
        drop(file);
        tokio::select! {
            () = cloakroom.shutdown(drain_timeout) => Ok(()),
            reason = cloakroom.failure() => Err(Failure::new(EXIT_DATA, reason)),
            () = signals.next() => {
                let message = "stopped at once; what ran runs again at the next start";
                Err(Failure::new(EXIT_FAILED, message))
            }
        }
    }

    pub(in crate::cli::serve) fn settings(self) -> Config {
        let mut config = Config::default();
        self.file.fill(&mut config);
        self.flags.fill(&mut config);
        config
    }
}

/// Who may ask. Touches nothing.
pub(in crate::cli::serve) fn tokens(config: &Config, per_run: bool) -> Result<Tokens, Failure> {
    let tokens = Tokens::open(&config.data);
    let tokens = if per_run {
        tokens.and_then(Tokens::with_run_token)
    } else {
        tokens
    };
    tokens.map_err(failure)
}
