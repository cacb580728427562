//! Replaces settings of a running server.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cloakroom::StartError;
use crate::cloakroom::faults::{faults, registry};
use crate::config::{Config, Limits, Listen};
use crate::engine::Engine;
use crate::http::App;
use crate::operations::Operation;

/// The outcome of a reload: the keys of changed settings, as in the configuration file. Each operation is one key.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Reloaded {
    /// Settings that are in effect now.
    pub applied: Vec<String>,
    /// Settings that need a restart. The server continues with their old values.
    pub restart: Vec<String>,
}

/// Why a configuration was not taken. Nothing has changed, except after [`ReloadError::Stopped`].
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new configuration is invalid.
    #[error("the configuration is invalid: {}", join(.0))]
    Invalid(Vec<StartError>),
    /// The server is shut down or has failed.
    #[error("the server is stopped")]
    Stopped,
}

fn join(errors: &[StartError]) -> String {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

/// What a reload needs besides the new configuration.
pub(super) struct Reloader {
    pub(super) app: Arc<App>,
    /// The operations of the program that embeds the server.
    pub(super) operations: Vec<Arc<dyn Operation>>,
    pub(super) without_built_in: bool,
    /// The listen addresses as configured, without open listeners.
    pub(super) listen: Vec<Listen>,
    /// The settings in effect.
    pub(super) config: Mutex<Config>,
}

impl Reloader {
    /// Replaces settings, as [`Cloakroom::reload`](crate::Cloakroom::reload).
    ///
    /// # Errors
    /// [`ReloadError`]
    pub(super) async fn reload(
        &self,
        engine: &Engine,
        new: Config,
    ) -> Result<Reloaded, ReloadError> {
        let registry = registry(&new, &self.operations, self.without_built_in);
        let has_tokens = self.app.access.has_tokens();
        let faults = faults(&new, has_tokens, registry.as_ref());
        let registry = match registry {
            Ok(registry) if faults.is_empty() => registry,
            Ok(_) => return Err(ReloadError::Invalid(faults)),
            Err(error) => {
                let faults = std::iter::once(error).chain(faults);
                return Err(ReloadError::Invalid(faults.collect()));
            }
        };
        let mut current = self.config.lock().await;
        let reloaded = Reloaded {
            applied: applied(&current, &new),
            restart: restart(&current, &new, &self.listen),
        };
        let merged = merged(&current, new);
        let outcome = engine.reload(&merged, registry).await;
        outcome.map_err(|_| ReloadError::Stopped)?;
        self.app.reload(&merged);
        *current = merged;
        Ok(reloaded)
    }

    /// Reads the tokens again.
    pub(super) fn reload_tokens(&self) {
        self.app.access.reload_tokens();
    }
}

/// The settings in effect after a reload.
fn merged(current: &Config, new: Config) -> Config {
    Config {
        operations: new.operations,
        commands: new.commands,
        callbacks: new.callbacks,
        workers: new.workers,
        idle_timeout: new.idle_timeout,
        drain_timeout: new.drain_timeout,
        limits: Limits {
            params_bytes: new.limits.params_bytes,
            upload_bytes: new.limits.upload_bytes,
            result_bytes: new.limits.result_bytes,
            max_document_bytes: new.limits.max_document_bytes,
            document_memory: new.limits.document_memory,
            ..current.limits.clone()
        },
        ..current.clone()
    }
}

/// The keys of settings that differ, of those that a reload applies.
fn applied(old: &Config, new: &Config) -> Vec<String> {
    let (from, to) = (&old.limits, &new.limits);
    let (old_calls, new_calls) = (&old.callbacks, &new.callbacks);
    let mut keys = differing(&[
        ("workers", old.workers != new.workers),
        ("idle-timeout", old.idle_timeout != new.idle_timeout),
        ("drain-timeout", old.drain_timeout != new.drain_timeout),
        ("limits.params-bytes", from.params_bytes != to.params_bytes),
        ("limits.upload-bytes", from.upload_bytes != to.upload_bytes),
        ("limits.result-bytes", from.result_bytes != to.result_bytes),
        (
            "limits.document-bytes",
            from.max_document_bytes != to.max_document_bytes,
        ),
        (
            "limits.document-memory",
            from.document_memory != to.document_memory,
        ),
        ("callbacks.allow", old_calls.allow != new_calls.allow),
        ("callbacks.secrets", old_calls.secrets != new_calls.secrets),
        (
            "callbacks.schedule",
            old_calls.schedule != new_calls.schedule,
        ),
        (
            "callbacks.per-host",
            old_calls.per_host != new_calls.per_host,
        ),
    ]);
    let names = [old, new].into_iter().flat_map(|config| {
        let commands = config.commands.keys();
        commands.chain(config.operations.keys())
    });
    let names: BTreeSet<_> = names.collect();
    let changed = names.into_iter().filter(|&name| {
        old.commands.get(name) != new.commands.get(name)
            || old.operations.get(name) != new.operations.get(name)
    });
    keys.extend(changed.map(|name| format!("operations.{name}")));
    keys
}

/// The keys of settings that differ, of those that need a restart.
fn restart(old: &Config, new: &Config, listen: &[Listen]) -> Vec<String> {
    let (from, to) = (&old.limits, &new.limits);
    differing(&[
        ("data", old.data != new.data),
        ("listen", listen != new.listen),
        ("root", old.roots != new.roots),
        ("host", old.hosts != new.hosts),
        ("public-url", old.public_url != new.public_url),
        ("allow-origin", old.allow_origins != new.allow_origins),
        ("dialects", old.dialects != new.dialects),
        (
            "insecure-no-token",
            old.insecure_no_token != new.insecure_no_token,
        ),
        ("route", old.routes != new.routes),
        (
            "limits.database-bytes",
            from.database_bytes != to.database_bytes,
        ),
        (
            "limits.free-disk-bytes",
            from.free_disk_bytes != to.free_disk_bytes,
        ),
        ("limits.queue", from.max_queued_jobs != to.max_queued_jobs),
        (
            "limits.connections",
            from.max_connections != to.max_connections,
        ),
        (
            "limits.header-time",
            from.header_read_timeout != to.header_read_timeout,
        ),
        (
            "limits.idle-time",
            from.keep_alive_timeout != to.keep_alive_timeout,
        ),
        (
            "limits.body-idle-time",
            from.body_idle_timeout != to.body_idle_timeout,
        ),
    ])
}

fn differing(settings: &[(&str, bool)]) -> Vec<String> {
    let changed = settings.iter().filter(|(_, differs)| *differs);
    changed.map(|(key, _)| (*key).to_owned()).collect()
}
