//! Replaces settings of a running engine.

use crate::config::Config;
use crate::engine::start::{idle_timeouts, operation_limits};
use crate::engine::{Engine, Error};
use crate::operations::Registry;

impl Engine {
    /// Replaces the operations and their settings, the settings of callbacks, and limits of attempts. Attempts that are
    /// under way keep what they started with. Queued jobs whose operation is gone fail when it is their turn.
    ///
    /// # Errors
    /// An error if the database fails; the server then stops.
    pub(crate) async fn reload(&self, config: &Config, registry: Registry) -> Result<(), Error> {
        let limits = operation_limits(config, &registry);
        let default_ms = config.idle_timeout.as_millis() as i64;
        self.idle_tracker
            .set_timeouts(idle_timeouts(&limits, default_ms));
        self.metrics.add(registry.iter().map(|(name, _)| name));
        *self.runner.limits.write() = config.limits.clone();
        self.outbound_access
            .replace(config.outbound(), config.limits.upload_bytes);
        self.outbox.set_settings(config.callbacks.clone());
        // Before the store may claim jobs of new operations.
        self.registry.replace(registry);
        self.store.set_operations(limits, default_ms).await?;
        self.store.set_slots(config.workers).await?;
        Ok(())
    }
}
