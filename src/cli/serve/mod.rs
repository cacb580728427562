//! `cloakroom serve`.

mod announce;
mod exposure;
mod file;
mod flags;
mod layers;
mod parent;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::signals::Signals;
use super::{EXIT_DATA, EXIT_FAILED, EXIT_LISTEN, EXIT_USAGE, Failure};
use crate::config::Config;
use crate::engine::{Engine, StartError};
use crate::http::{App, Server};
use crate::operations::{Registry, command};
use crate::roots::Roots;
use crate::tokens::{self, Tokens};
pub(super) use announce::SERVER_FILE;
use announce::{Announcement, ServerFile};
pub(super) use file::File;
use flags::Flags;
pub(super) use layers::{layered, with_variables};
use parent::Parent;

#[derive(clap::Args)]
pub(super) struct Serve {
    /// Read more settings from a file; none is read without this.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Say whether the settings are in order, and do nothing else.
    #[arg(long)]
    check_config: bool,
    #[command(flatten)]
    flags: Flags,
    /// What the file says besides flags.
    #[arg(skip)]
    pub(super) file: File,
}

impl Serve {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let flags = &self.flags;
        let (announce, only_check) = (flags.announce, self.check_config);
        let (token_per_run, exit_with_parent) = (flags.token_per_run, flags.exit_with_parent);
        let usage = |message| Failure::new(EXIT_USAGE, message);
        let config = self.settings();
        let tokens = tokens(&config, token_per_run)?;
        exposure::check(&config, tokens.are_required()).map_err(usage)?;
        if only_check {
            return check(&config).map_err(usage);
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
        // The data first: an address that is taken on data that is in use is the latter's fault.
        let engine = start(&config).await?;
        let server = bind(&config, &engine).await?;
        let announcement = Announcement::new(&server, &tokens)
            .map_err(|error| Failure::new(EXIT_LISTEN, error))?;
        let file = ServerFile::write(&config.data, &announcement);
        if let Err(error) = announcement.say(announce) {
            tracing::warn!(%error, "nobody reads the announcement");
        }
        let mut fatal = engine.fatal();
        let (stop, stopped) = watch::channel(false);
        let app = Arc::new(App::new(Arc::clone(&engine), &config, Arc::new(tokens)));
        let limits = config.limits.clone();
        let serving = tokio::spawn(async move { server.serve(app, &limits, stopped).await });
        tokio::select! {
            () = signals.next() => {}
            () = parent.gone() => tracing::info!("standard input has ended"),
            reason = fatal.wait_for(Option::is_some) => {
                let reason = reason.ok().and_then(|reason| reason.clone()).unwrap_or_default();
                return Err(Failure::new(EXIT_DATA, format!("the database failed: {reason}")));
            }
        }
        tracing::info!("stopping; a second signal stops at once");
        stop.send_replace(true);
        // While the data is still ours.
        drop(file);
        tokio::select! {
            () = async {
                // A panic there has been reported; the jobs still want their end.
                let _ = serving.await;
                engine.drain(config.drain_timeout).await;
            } => Ok(()),
            () = signals.next() => {
                let message = "stopped at once; what ran runs again at the next start";
                Err(Failure::new(EXIT_FAILED, message))
            }
        }
    }

    fn settings(self) -> Config {
        let mut config = Config::default();
        self.file.fill(&mut config);
        self.flags.fill(&mut config);
        config
    }
}

/// Who may ask. Touches nothing.
fn tokens(config: &Config, per_run: bool) -> Result<Tokens, Failure> {
    let tokens = Tokens::open(&config.data);
    let tokens = if per_run {
        tokens.and_then(Tokens::with_run_token)
    } else {
        tokens
    };
    tokens.map_err(|error| {
        let code = match error {
            tokens::Error::Io { .. } => EXIT_DATA,
            _ => EXIT_USAGE,
        };
        Failure::new(code, error)
    })
}

/// Finds out whether a server would start with these settings, as far as that can be known without its data.
fn check(config: &Config) -> Result<(), String> {
    Registry::configured(config).map_err(|error| error.to_string())?;
    let nowhere = Path::new("");
    let roots = Roots::open(&config.roots, nowhere);
    roots
        .map(drop)
        .map_err(|(path, source)| StartError::Root { path, source }.to_string())
}

/// Starts the engine with every operation.
pub(super) async fn start(config: &Config) -> Result<Arc<Engine>, Failure> {
    let registry = Registry::configured(config).map_err(|error| Failure::new(EXIT_USAGE, error))?;
    match Engine::start(config, registry).await {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error @ StartError::Root { .. }) => Err(Failure::new(EXIT_USAGE, error)),
        Err(error) => Err(Failure::new(EXIT_DATA, error)),
    }
}

/// Opens the listeners; where that fails the engine is stopped.
pub(super) async fn bind(config: &Config, engine: &Engine) -> Result<Server, Failure> {
    match Server::bind(&config.listen).await {
        Ok(server) => Ok(server),
        Err((address, error)) => {
            engine.drain(Duration::ZERO).await;
            Err(Failure::new(
                EXIT_LISTEN,
                format!("cannot listen on {address}: {error}"),
            ))
        }
    }
}
