//! Uploaded blobs of a submission that is not stored yet.

use std::sync::Arc;

use super::WholeBlob;
use super::command_queue::CommandQueue;
use crate::job::BlobId;

/// Blobs of a submission that is not stored yet. They are freed on drop.
#[derive(Debug)]
pub(crate) struct Uploads {
    queue: Arc<CommandQueue>,
    whole: Vec<WholeBlob>,
}

impl Uploads {
    pub(super) fn new(queue: Arc<CommandQueue>) -> Self {
        Self {
            queue,
            whole: Vec::new(),
        }
    }

    /// Adds a blob.
    pub(crate) fn push(&mut self, whole: WholeBlob) {
        self.whole.push(whole);
    }

    /// The ids of the blobs.
    pub(crate) fn blobs(&self) -> Vec<BlobId> {
        self.whole.iter().map(|whole| whole.blob).collect()
    }

    /// Removes and returns all blobs, to submit them.
    pub(crate) fn take(&mut self) -> Vec<WholeBlob> {
        std::mem::take(&mut self.whole)
    }
}

impl Drop for Uploads {
    fn drop(&mut self) {
        self.queue
            .abandon(self.whole.drain(..).map(|whole| whole.blob));
    }
}
