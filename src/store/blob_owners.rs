//! Who owns which blob: a blob becomes a job's when the job is stored that names it, and is freed when nobody does.
//!
//! Kept inside the transaction at hand, like the jobs themselves. What loses its owner is freed later, bit by bit.

use rusqlite::Connection;

use super::command_queue::Chunk;
use super::sequences::Sequence;
use super::{Error, WholeBlob, chunks};
use crate::job::{BlobId, Seq};

/// Chunks of a blob that are freed together with its job.
const FREED_AT_ONCE: usize = 2;

/// The blobs' names, and those that the transaction at hand has taken from their owners.
pub(super) struct BlobOwners {
    numbers: Sequence,
    loose: Vec<BlobId>,
}

impl BlobOwners {
    pub(super) fn load(connection: &Connection) -> Result<Self, rusqlite::Error> {
        Ok(Self {
            numbers: Sequence::load(connection, "blob_next")?,
            loose: Vec::new(),
        })
    }

    /// The first blob that this life may name.
    pub(super) fn first(&self) -> i64 {
        self.numbers.next
    }

    /// Forgets what a transaction did that was rolled back.
    pub(super) fn roll_back(&mut self, connection: &Connection) -> Result<(), Error> {
        self.loose.clear();
        self.numbers.reload(connection)
    }

    /// Blobs that nobody owns after the transaction that was committed.
    pub(super) fn take_loose(&mut self) -> impl Iterator<Item = BlobId> + '_ {
        self.loose.drain(..)
    }

    /// Stores a piece of a blob that nobody owns yet.
    pub(super) fn store_chunk(
        &mut self,
        connection: &Connection,
        chunk: &Chunk,
    ) -> Result<(), Error> {
        self.numbers.reserve(connection, chunk.blob.0)?;
        chunks::insert_chunk(connection, chunk)
    }

    /// Stores a blob that is short, as the job's.
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

    /// Stores the last bytes of a blob, and makes it the job's.
    pub(super) fn give(
        &mut self,
        connection: &Connection,
        whole: &WholeBlob,
        owner: Seq,
    ) -> Result<(), Error> {
        self.numbers.reserve(connection, whole.blob.0)?;
        chunks::insert_tail(connection, whole, owner)
    }

    /// Takes a blob from a job, unless it is another's by now.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        blob: BlobId,
        owner: Seq,
    ) -> Result<(), Error> {
        if chunks::disown(connection, blob, owner)? {
            self.loose.push(blob);
        }
        Ok(())
    }

    /// The same, and what is short is freed at once.
    pub(super) fn take_and_free(
        &mut self,
        connection: &Connection,
        blob: BlobId,
        owner: Seq,
    ) -> Result<(), Error> {
        if chunks::disown(connection, blob, owner)?
            && !chunks::free(connection, blob, FREED_AT_ONCE)?.1
        {
            self.loose.push(blob);
        }
        Ok(())
    }

    /// Nobody will want this one, which nobody owns.
    pub(super) fn abandon(&mut self, blob: BlobId) {
        self.loose.push(blob);
    }
}
