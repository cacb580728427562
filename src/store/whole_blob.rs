//! A blob that is complete, but not yet stored completely.

use bytes::Bytes;

use crate::job::BlobId;

/// A complete blob whose last bytes are still in memory; they are stored together with the job that owns the blob.
#[derive(Debug, Clone)]
pub(crate) struct WholeBlob {
    /// Identifier.
    pub blob: BlobId,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of all bytes.
    pub sha256: [u8; 32],
    pub(super) tail_number: u32,
    pub(super) tail_crc: u32,
    pub(super) tail: Bytes,
}

impl WholeBlob {
    /// Number of bytes that are stored together with the job.
    pub(super) fn tail_bytes(&self) -> usize {
        self.tail.len()
    }
}
