//! The place where a job keeps its rendered form.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::job::Version;

/// The rendered form of one version of a job.
#[derive(Debug)]
pub(super) struct Rendered {
    version: Version,
    variant: Box<str>,
    bytes: Bytes,
    _weight: Weight,
}

impl Rendered {
    pub(super) fn new(version: Version, variant: &str, bytes: Bytes, weight: Weight) -> Self {
        Self {
            version,
            variant: variant.into(),
            bytes,
            _weight: weight,
        }
    }
}

/// Counts bytes against the bound of the cache until it is dropped.
#[derive(Debug)]
pub(super) struct Weight {
    bytes: usize,
    total: Arc<AtomicUsize>,
}

impl Weight {
    pub(super) fn new(bytes: usize, total: &Arc<AtomicUsize>) -> Self {
        total.fetch_add(bytes, Ordering::Relaxed);
        Self {
            bytes,
            total: Arc::clone(total),
        }
    }
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The slot for the last rendered form of one job.
#[derive(Debug, Default)]
pub(super) struct RenderedSlot(Mutex<Option<Rendered>>);

impl RenderedSlot {
    /// The cached bytes, if they are of this `version` and `variant`.
    pub(super) fn get(&self, version: Version, variant: &str) -> Option<Bytes> {
        let rendered = self.0.lock();
        let rendered = rendered.as_ref()?;
        (rendered.version == version && *rendered.variant == *variant)
            .then(|| rendered.bytes.clone())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().is_none()
    }

    /// Stores a rendered form and returns the one that it replaces.
    pub(super) fn replace(&self, rendered: Rendered) -> Option<Rendered> {
        self.0.lock().replace(rendered)
    }

    /// Drops the stored form.
    pub(super) fn clear(&self) {
        let before = self.0.lock().take();
        drop(before);
    }
}
