//! Blobs as streams of chunks: only a few chunks of a blob are in memory at once, however long it is.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use rusqlite::OptionalExtension;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Error;
use super::chunks::{checksum, chunk_id};
use super::command_queue::{Chunk, Command, CommandQueue, Origin};
use super::disk::Disk;
use super::file_format::{CHUNK_BYTES, NUMBER_BITS};
use super::readers::Readers;
use super::whole_blob::WholeBlob;
use crate::job::BlobId;

/// Writes one blob. If it is dropped before [`BlobWriter::finish`], the stored chunks are freed.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    queue: Arc<CommandQueue>,
    disk: Arc<Disk>,
    origin: Origin,
    blob: BlobId,
    number: u32,
    size: u64,
    digest: Sha256,
    buffer: BytesMut,
    under_way: Option<oneshot::Receiver<Result<(), Error>>>,
    finished: bool,
}

impl BlobWriter {
    pub(super) fn new(queue: Arc<CommandQueue>, disk: Arc<Disk>, origin: Origin) -> Self {
        let blob = queue.new_blob();
        Self {
            queue,
            disk,
            origin,
            blob,
            number: 0,
            size: 0,
            digest: Sha256::new(),
            buffer: BytesMut::new(),
            under_way: None,
            finished: false,
        }
    }

    /// Number of bytes written so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256 of the bytes written so far.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// Completes the blob. Waits until the chunk in flight is stored.
    ///
    /// # Errors
    /// The error of the chunk in flight; [`Error::Stopped`] if the store has stopped.
    pub(crate) fn finish(mut self) -> Result<WholeBlob, Error> {
        self.wait()?;
        Ok(self.whole())
    }

    /// Appends bytes, for async code. Waits while a chunk is in flight.
    ///
    /// # Errors
    /// The error of an earlier chunk; [`Error::StorageFull`] if there is no room; [`Error::Stopped`] if the store has stopped.
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

    /// Like [`BlobWriter::finish`], for async code.
    ///
    /// # Errors
    /// As for [`BlobWriter::finish`].
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

    /// Copies as many bytes as fit into the current chunk.
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
                "a blob cannot be longer than 256 GiB".into(),
            ));
        }
        let (reply, answer) = oneshot::channel();
        let data = self.buffer.split().freeze();
        self.queue.push_chunk(Chunk {
            blob: self.blob,
            number: self.number,
            crc: checksum(chunk_id(self.blob, self.number), &data),
            data,
            origin: self.origin,
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
            self.queue.push(Command::Abandon { blob: self.blob });
        }
    }
}

/// Reads one blob chunk by chunk, each in its own transaction, so that a slow reader does not block checkpoints.
#[derive(Debug, Clone)]
pub(crate) struct BlobReader {
    readers: Readers,
    blob: BlobId,
}

impl BlobReader {
    pub(super) fn new(readers: Readers, blob: BlobId) -> Self {
        Self { readers, blob }
    }

    /// The chunk with this number, from 0; `None` past the end or once the blob is gone. Blocks on the disk.
    ///
    /// # Errors
    /// [`Error::Damaged`] if the checksum does not match; other errors if the database cannot be read.
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
                "stored data has changed on the disk: run `cloakroom check` to find the affected job"
            );
            return Err(Error::Damaged);
        }
        Ok(Some(Bytes::from(data)))
    }

    /// All bytes, for blobs known to be small.
    ///
    /// # Errors
    /// As for [`BlobReader::chunk`].
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
