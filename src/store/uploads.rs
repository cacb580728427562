//! What came with a submission, until it is stored.

use std::sync::Arc;

use super::WholeBlob;
use super::command_queue::CommandQueue;
use crate::job::BlobId;

/// Blobs that came with a submission which is not stored yet. Dropped, they are freed.
#[derive(Debug)]
pub(crate) struct Uploads {
    inbox: Arc<CommandQueue>,
    whole: Vec<WholeBlob>,
}

impl Uploads {
    pub(super) fn new(inbox: Arc<CommandQueue>) -> Self {
        Self {
            inbox,
            whole: Vec::new(),
        }
    }

    /// Adds one.
    pub(crate) fn push(&mut self, whole: WholeBlob) {
        self.whole.push(whole);
    }

    /// Which they are.
    pub(crate) fn blobs(&self) -> Vec<BlobId> {
        self.whole.iter().map(|whole| whole.blob).collect()
    }

    /// All of them, to be submitted.
    pub(crate) fn take(&mut self) -> Vec<WholeBlob> {
        std::mem::take(&mut self.whole)
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.inbox
            .abandon(self.whole.drain(..).map(|whole| whole.blob));
    }
}
