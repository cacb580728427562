//! Ownership of blobs: a blob belongs to a job once that job's row names it, and is freed when no row does.
//!
//! Changed within the current transaction, like the jobs. Blobs that lose their owner are freed later, in small steps.

use rusqlite::Connection;

use super::command_queue::Chunk;
use super::sequences::Sequence;
use super::{Error, WholeBlob, chunks};
use crate::job::{BlobId, Seq};

/// Maximum number of chunks of a blob that are freed together with its job.
const MAX_CHUNKS_FREED_WITH_JOB: usize = 2;

/// Blob ids, and the blobs that the current transaction has taken from their owners.
pub(super) struct BlobOwners {
    numbers: Sequence,
    unowned: Vec<BlobId>,
}

impl BlobOwners {
    pub(super) fn load(connection: &Connection) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            numbers: Sequence::load(connection, "blob_next")?,
            unowned: Vec::new(),
        })
    }

    /// The first blob id that this run of the server may assign.
    pub(super) fn first(&self) -> i64 {
        self.numbers.next
    }

    /// Discards the changes of a transaction that was rolled back.
    pub(super) fn roll_back(&mut self, connection: &Connection) -> Result<(), Error> {
        self.unowned.clear();
        self.numbers.reload(connection)
    }

    /// The blobs without an owner after the committed transaction.
    pub(super) fn take_unowned(&mut self) -> impl Iterator<Item = BlobId> + '_ {
        self.unowned.drain(..)
    }

    /// Stores a chunk of a blob that has no owner yet.
    pub(super) fn store_chunk(
        &mut self,
        connection: &Connection,
        chunk: &Chunk,
    ) -> Result<(), Error> {
        self.numbers.reserve(connection, chunk.blob.0)?;
        chunks::insert_chunk(connection, chunk)
    }

    /// Stores a short blob that belongs to the job.
    pub(super) fn store_small(
        &mut self,
        connection: &Connection,
        blob: BlobId,
        owner: Seq,
        bytes: &[u8],
    ) -> Result<(), Error> {
        self.numbers.reserve(connection, blob.0)?;
        chunks::insert_small(connection, blob, owner, bytes)
    }

    /// Stores the last bytes of a blob and assigns it to the job.
    pub(super) fn give(
        &mut self,
        connection: &Connection,
        whole: &WholeBlob,
        owner: Seq,
    ) -> Result<(), Error> {
        self.numbers.reserve(connection, whole.blob.0)?;
        chunks::insert_tail(connection, whole, owner)
    }

    /// Takes a blob from a job, unless it belongs to another job by now.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        blob: BlobId,
        owner: Seq,
    ) -> Result<(), Error> {
        if chunks::disown(connection, blob, owner)? {
            self.unowned.push(blob);
        }
        Ok(())
    }

    /// Like [`BlobOwners::take`], and frees a short blob at once.
    pub(super) fn take_and_free(
        &mut self,
        connection: &Connection,
        blob: BlobId,
        owner: Seq,
    ) -> Result<(), Error> {
        if chunks::disown(connection, blob, owner)?
            && !chunks::free(connection, blob, MAX_CHUNKS_FREED_WITH_JOB)?.1
        {
            self.unowned.push(blob);
        }
        Ok(())
    }

    /// Frees a blob that has no owner and will not get one.
    pub(super) fn abandon(&mut self, blob: BlobId) {
        self.unowned.push(blob);
    }
}
