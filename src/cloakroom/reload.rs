//! Replaces settings of a running server.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::cloakroom::StartError;
use crate::cloakroom::faults::{faults, registry};
use crate::config::{Callbacks, Config, Limits, Listen};
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
    /// The settings in effect. The listen addresses include those of open listeners, on which the outbound policy depends.
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
        let merged = merged(&current, &new);
        let configured = Config {
            listen: self.listen.clone(),
            ..merged.clone()
        };
        let reloaded = Reloaded {
            applied: differing(&current, &merged),
            restart: differing(&configured, &new),
        };
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

/// The settings in effect after a reload: the new ones where a reload applies them, the current ones where that needs a
/// restart.
fn merged(current: &Config, new: &Config) -> Config {
    let new = new.clone();
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

/// The keys of settings that differ, as in the configuration file. Each operation is one key.
fn differing(old: &Config, new: &Config) -> Vec<String> {
    // Without `..`: a new setting does not compile until it has its key here.
    let Config {
        data,
        listen,
        roots,
        workers,
        idle_timeout,
        drain_timeout,
        hosts,
        public_url,
        allow_origins,
        insecure_no_token,
        limits,
        callbacks,
        operations,
        commands,
        routes,
        dialects,
    } = new;
    let Limits {
        params_bytes,
        upload_bytes,
        result_bytes,
        max_document_bytes,
        document_memory,
        database_bytes,
        free_disk_bytes,
        max_queued_jobs,
        max_connections,
        header_read_timeout,
        keep_alive_timeout,
        body_idle_timeout,
    } = limits;
    let Callbacks {
        allow,
        secrets,
        schedule,
        per_host,
    } = callbacks;
    let (limits, callbacks) = (&old.limits, &old.callbacks);
    #[rustfmt::skip]
    let settings = [
        ("data", old.data != *data),
        ("listen", old.listen != *listen),
        ("root", old.roots != *roots),
        ("workers", old.workers != *workers),
        ("idle-timeout", old.idle_timeout != *idle_timeout),
        ("drain-timeout", old.drain_timeout != *drain_timeout),
        ("host", old.hosts != *hosts),
        ("public-url", old.public_url != *public_url),
        ("allow-origin", old.allow_origins != *allow_origins),
        ("insecure-no-token", old.insecure_no_token != *insecure_no_token),
        ("dialects", old.dialects != *dialects),
        ("route", old.routes != *routes),
        ("limits.params-bytes", limits.params_bytes != *params_bytes),
        ("limits.upload-bytes", limits.upload_bytes != *upload_bytes),
        ("limits.result-bytes", limits.result_bytes != *result_bytes),
        ("limits.document-bytes", limits.max_document_bytes != *max_document_bytes),
        ("limits.document-memory", limits.document_memory != *document_memory),
        ("limits.database-bytes", limits.database_bytes != *database_bytes),
        ("limits.free-disk-bytes", limits.free_disk_bytes != *free_disk_bytes),
        ("limits.queue", limits.max_queued_jobs != *max_queued_jobs),
        ("limits.connections", limits.max_connections != *max_connections),
        ("limits.header-time", limits.header_read_timeout != *header_read_timeout),
        ("limits.idle-time", limits.keep_alive_timeout != *keep_alive_timeout),
        ("limits.body-idle-time", limits.body_idle_timeout != *body_idle_timeout),
        ("callbacks.allow", callbacks.allow != *allow),
        ("callbacks.secrets", callbacks.secrets != *secrets),
        ("callbacks.schedule", callbacks.schedule != *schedule),
        ("callbacks.per-host", callbacks.per_host != *per_host),
    ];
    let changed = settings.into_iter().filter(|(_, differs)| *differs);
    let changed = changed.map(|(key, _)| key.to_owned());
    let names = [&old.commands, commands]
        .into_iter()
        .flat_map(|commands| commands.keys());
    let overridden = [&old.operations, operations]
        .into_iter()
        .flat_map(|operations| operations.keys());
    let names: BTreeSet<_> = names.chain(overridden).collect();
    let redeclared = names.into_iter().filter(|&name| {
        old.commands.get(name) != commands.get(name)
            || old.operations.get(name) != operations.get(name)
    });
    changed
        .chain(redeclared.map(|name| format!("operations.{name}")))
        .collect()
}
