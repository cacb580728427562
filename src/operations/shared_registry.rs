//! The registry of a running server, which can be replaced.

use std::sync::Arc;

use parking_lot::RwLock;

use crate::operations::Registry;
use crate::operations::registry::Registered;

/// The current registry. An attempt keeps the operation that it started with.
pub(crate) struct SharedRegistry(RwLock<Arc<Registry>>);

impl SharedRegistry {
    /// Shares a registry.
    pub(crate) fn new(registry: Registry) -> Self {
        Self(RwLock::new(Arc::new(registry)))
    }

    /// The current registry.
    pub(crate) fn load(&self) -> Arc<Registry> {
        Arc::clone(&self.0.read())
    }

    /// The operation with this name, and its name as a shared string.
    pub(crate) fn get(&self, name: &str) -> Option<(Arc<str>, Arc<Registered>)> {
        let registry = self.0.read();
        let (name, registered) = registry.get(name)?;
        Some((Arc::clone(name), Arc::clone(registered)))
    }

    /// Replaces the registry.
    pub(crate) fn replace(&self, registry: Registry) {
        *self.0.write() = Arc::new(registry);
    }
}
