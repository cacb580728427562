//! Checks whether a server works, for a watchdog.

use std::sync::Arc;

use crate::engine::Engine;

/// Checks whether a server works.
pub(crate) struct Pulse(Arc<Engine>);

impl Pulse {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self(engine)
    }

    /// Whether no vital part has failed, once the thread that writes to the database has answered. Does not return while
    /// that thread hangs.
    pub(crate) async fn answers(&self) -> bool {
        self.0.wait_for_writer().await;
        !self.0.vital().has_failed()
    }
}
