//! SIGHUP: reads the tokens and the configuration again, and logs what was applied and what needs a restart.

use crate::cli::serve::faults::messages;
use crate::cli::serve::file::SettingLines;
use crate::cloakroom::{Cloakroom, ReloadError};
use crate::config::Config;

/// Reads the command line, the environment and the configuration file again. The errors are messages.
pub(in crate::cli) type ReadAgain = fn() -> Result<Settings, Vec<String>>;

/// The settings of the process, which only a restart can change, by key.
pub(super) type ProcessSettings = Vec<(&'static str, String)>;

/// All settings.
pub(in crate::cli) struct Settings {
    pub(super) config: Config,
    pub(super) lines: SettingLines,
    pub(super) process: ProcessSettings,
    /// Whether the addresses to listen on are not the default.
    pub(super) sets_listen: bool,
}

/// What a reload compares with.
pub(super) struct Reload {
    pub(super) read: Option<ReadAgain>,
    pub(super) has_file: bool,
    pub(super) process: ProcessSettings,
    /// The limit of connections as configured, and as far as the system allows.
    pub(super) connections: (usize, usize),
    /// Whether sockets of systemd replace the default address.
    pub(super) has_passed_sockets: bool,
}

impl Reload {
    /// Reloads. Returns the settings, unless there are none to read or they are invalid; then nothing has changed.
    pub(super) async fn run(&self, cloakroom: &Cloakroom) -> Option<Config> {
        tracing::info!("SIGHUP: reading the tokens and the configuration again");
        cloakroom.reload_tokens();
        let Some(read) = self.read.filter(|_| self.has_file) else {
            tracing::info!("the tokens were read again; the server has no configuration file");
            return None;
        };
        // The disk may be slow.
        let read = tokio::task::spawn_blocking(read).await;
        let Settings {
            mut config,
            lines,
            process,
            sets_listen,
        } = match read {
            Ok(Ok(settings)) => settings,
            Ok(Err(faults)) => return refuse(&faults),
            Err(error) => return refuse(&[error.to_string()]),
        };
        if self.has_passed_sockets && !sets_listen {
            config.listen.clear();
        }
        let (configured, possible) = self.connections;
        if config.limits.max_connections == configured {
            config.limits.max_connections = possible;
        }
        match cloakroom.reload(config.clone()).await {
            Ok(mut reloaded) => {
                for warning in lines.missing_programs(&config) {
                    tracing::warn!("{warning}");
                }
                let changed = self.process.iter().zip(&process).filter(|(a, b)| a != b);
                let changed = changed.map(|((key, _), _)| (*key).to_owned());
                reloaded.restart.extend(changed);
                log(&reloaded.applied, &reloaded.restart);
                Some(config)
            }
            Err(ReloadError::Invalid(faults)) => {
                refuse(&messages(faults, &lines, config.served_routes()))
            }
            Err(error @ ReloadError::Stopped) => refuse(&[error.to_string()]),
        }
    }
}

fn refuse(faults: &[String]) -> Option<Config> {
    for fault in faults {
        tracing::error!("the configuration was not reloaded: {fault}");
    }
    None
}

fn log(applied: &[String], restart: &[String]) {
    if applied.is_empty() {
        tracing::info!(
            "the configuration was reloaded: no setting that can be applied has changed"
        );
    } else {
        tracing::info!(
            applied = applied.join(", "),
            "the configuration was reloaded"
        );
    }
    if !restart.is_empty() {
        tracing::warn!(
            restart = restart.join(", "),
            "settings have changed that need a restart"
        );
    }
}
