//! Idempotency keys of requests whose bodies are still being received.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;

/// The keys, each with the name of the token that it belongs to.
#[derive(Debug, Default)]
pub(super) struct PendingKeys(Mutex<HashSet<(String, String)>>);

/// A reserved key. Dropping it releases the key.
#[derive(Debug)]
pub(crate) struct PendingKey {
    pending: Arc<PendingKeys>,
    key: (String, String),
}

impl PendingKey {
    pub(super) fn begin(
        pending: &Arc<PendingKeys>,
        token: Option<&str>,
        key: &str,
    ) -> Option<Self> {
        let key = (token.unwrap_or_default().to_owned(), key.to_owned());
        pending.0.lock().insert(key.clone()).then(|| Self {
            pending: Arc::clone(pending),
            key,
        })
    }
}

impl Drop for PendingKey {
    fn drop(&mut self) {
        self.pending.0.lock().remove(&self.key);
    }
}
