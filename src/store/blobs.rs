//! Bytes in chunks, streamed both ways: nobody holds more than a few chunks of a blob, however long it is.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Error;
use super::chunks::{NUMBER_BITS, checksum, chunk_id};
use super::command_queue::{Chunk, Command, CommandQueue, Origin};
use super::disk::Disk;
use super::readers::Readers;
use crate::job::BlobId;

/// The length of every chunk of a blob but the last.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;

/// A blob whose last bytes are still in memory: they are stored together with the job that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct WholeBlob {
    /// Its name.
    pub blob: BlobId,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of all of it.
    pub sha256: [u8; 32],
    pub(super) tail_number: u32,
    pub(super) tail_crc: u32,
    pub(super) tail: Bytes,
}

impl WholeBlob {
    /// How many bytes are stored together with the job.
    pub(super) fn tail_bytes(&self) -> usize {
        self.tail.len()
    }
}

/// Writes one blob. Dropped before [`BlobWriter::finish`], what was stored of it is freed.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    inbox: Arc<CommandQueue>,
    disk: Arc<Disk>,
    asker: Origin,
    blob: BlobId,
    number: u32,
    size: u64,
    digest: Sha256,
    buffer: BytesMut,
    under_way: Option<oneshot::Receiver<Result<(), Error>>>,
    finished: bool,
}

impl BlobWriter {
    pub(super) fn new(inbox: Arc<CommandQueue>, disk: Arc<Disk>, asker: Origin) -> Self {
        let blob = inbox.new_blob();
        Self {
            inbox,
            disk,
            asker,
            blob,
            number: 0,
            size: 0,
            digest: Sha256::new(),
            buffer: BytesMut::new(),
            under_way: None,
            finished: false,
        }
    }

    /// How many bytes were written so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The digest of all that was written so far.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// All bytes are there. Waits for those under way.
    ///
    /// # Errors
    /// What the disk said to the bytes under way.
    pub(crate) fn finish(mut self) -> Result<WholeBlob, Error> {
        self.wait()?;
        Ok(self.whole())
    }

    /// As writing, for a task that must not block.
    ///
    /// # Errors
    /// What the disk said to earlier bytes.
    pub(crate) async fn append(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            if self.buffer.len() == CHUNK_BYTES {
                self.wait_async().await?;
                self.send()?;
            }
            let taken = self.take(bytes);
            bytes = &bytes[taken..];
        }
        Ok(())
    }

    /// As [`BlobWriter::finish`], for a task that must not block.
    ///
    /// # Errors
    /// What the disk said to the bytes under way.
    pub(crate) async fn finish_async(mut self) -> Result<WholeBlob, Error> {
        self.wait_async().await?;
        Ok(self.whole())
    }

    async fn wait_async(&mut self) -> Result<(), Error> {
        match self.under_way.take() {
            Some(answer) => answer.await.unwrap_or(Err(Error::Stopped)),
            None => Ok(()),
        }
    }

    /// Takes as many bytes as the chunk at hand has room for.
    fn take(&mut self, bytes: &[u8]) -> usize {
        if self.buffer.is_empty() && bytes.len() >= CHUNK_BYTES / 4 {
            self.buffer.reserve(CHUNK_BYTES);
        }
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.digest.update(&bytes[..taken]);
        self.size += taken as u64;
        taken
    }

    fn whole(mut self) -> WholeBlob {
        self.finished = true;
        WholeBlob {
            blob: self.blob,
            size: self.size,
            sha256: self.sha256(),
            tail_number: self.number,
            tail_crc: checksum(chunk_id(self.blob, self.number), &self.buffer),
            tail: self.buffer.split().freeze(),
        }
    }

    fn wait(&mut self) -> Result<(), Error> {
        match self.under_way.take() {
            Some(answer) => answer.blocking_recv().unwrap_or(Err(Error::Stopped)),
            None => Ok(()),
        }
    }

    fn send(&mut self) -> Result<(), Error> {
        self.wait()?;
        if !self.disk.has_room_now() {
            return Err(Error::StorageFull);
        }
        if self.number + 1 >= 1 << NUMBER_BITS {
            return Err(Error::Database(
                "a result cannot be longer than 256 GiB".into(),
            ));
        }
        let (reply, answer) = oneshot::channel();
        let data = self.buffer.split().freeze();
        self.inbox.push_chunk(Chunk {
            blob: self.blob,
            number: self.number,
            crc: checksum(chunk_id(self.blob, self.number), &data),
            data,
            asker: self.asker,
            reply,
        });
        self.number += 1;
        self.under_way = Some(answer);
        Ok(())
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.buffer.len() == CHUNK_BYTES {
            self.send().map_err(io::Error::from)?;
        }
        let taken = self.take(bytes);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if !self.finished && self.number > 0 {
            self.inbox.push(Command::Abandon { blob: self.blob });
        }
    }
}

/// Reads one blob chunk by chunk, each in a transaction of its own, so that a slow reader holds back nothing.
#[derive(Debug, Clone)]
pub(crate) struct BlobReader {
    readers: Readers,
    blob: BlobId,
}

impl BlobReader {
    pub(super) fn new(readers: Readers, blob: BlobId) -> Self {
        Self { readers, blob }
    }

    /// The chunk with this number from 0, or none past the end or once the blob is gone. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk says, and [`Error::Damaged`] where it gives back something else than it was given.
    pub(crate) fn chunk(&self, number: u32) -> Result<Option<Bytes>, Error> {
        let id = chunk_id(self.blob, number);
        let found: Option<(u32, Vec<u8>)> = self.readers.read(|connection| {
            let mut statement =
                connection.prepare_cached("select crc, data from blob_chunk where id = ?")?;
            let found = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(found.optional()?)
        })?;
        let Some((crc, data)) = found else {
            return Ok(None);
        };
        if checksum(id, &data) != crc {
            tracing::error!(
                blob = self.blob.0,
                number,
                "the disk has changed what was stored: `cloakroom check` says whose it is"
            );
            return Err(Error::Damaged);
        }
        Ok(Some(Bytes::from(data)))
    }

    /// All of it; for what is known to be small.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn read_all(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut number = 0;
        while let Some(chunk) = self.chunk(number)? {
            bytes.extend_from_slice(&chunk);
            number += 1;
        }
        Ok(bytes)
    }
}
