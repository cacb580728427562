//! Writes a document that a client uploads into the store.

use crate::engine::error::Error;
use crate::store::{BlobWriter, WholeBlob};

/// Writes one document. If it is dropped before [`UploadWriter::finish`], the bytes are deleted.
#[derive(Debug)]
pub(crate) struct UploadWriter(BlobWriter);

impl UploadWriter {
    pub(super) fn new(blob: BlobWriter) -> Self {
        Self(blob)
    }

    /// The number of bytes written so far.
    pub(crate) fn size(&self) -> u64 {
        self.0.size()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::StorageFull`] if there is no room; otherwise an error of the database.
    pub(crate) async fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.0.append(bytes).await?)
    }

    /// Completes the document.
    ///
    /// # Errors
    /// Like [`UploadWriter::append`].
    pub(crate) async fn finish(self) -> Result<WholeBlob, Error> {
        Ok(self.0.finish_async().await?)
    }
}
