//! Bytes in chunks, streamed both ways: nobody holds more than a few chunks of a blob, however long it is.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::Error;
use super::disk::Disk;
use super::inbox::{Asker, Chunk, Command, Inbox};
use crate::job::{BlobId, Seq};

/// The length of every chunk of a blob but the last.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;
/// Chunk numbers below a blob's id: 2^20 of 256 KiB are 256 GiB.
const NUMBER_BITS: u32 = 20;

/// A blob whose last bytes are still in memory: they are stored together with the job that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct WholeBlob {
    /// Its name.
    pub blob: BlobId,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of all of it.
    pub sha256: [u8; 32],
    tail_number: u32,
    tail_crc: u32,
    tail: Bytes,
}

/// Writes one blob. Dropped before [`BlobWriter::finish`], what was stored of it is freed.
#[derive(Debug)]
pub(crate) struct BlobWriter {
    inbox: Arc<Inbox>,
    disk: Arc<Disk>,
    asker: Asker,
    blob: BlobId,
    number: u32,
    size: u64,
    digest: Sha256,
    buffer: BytesMut,
    under_way: Option<oneshot::Receiver<Result<(), Error>>>,
    finished: bool,
}

impl BlobWriter {
    pub(super) fn new(inbox: Arc<Inbox>, disk: Arc<Disk>, asker: Asker) -> Self {
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
    pool: r2d2::Pool<SqliteConnectionManager>,
    blob: BlobId,
}

impl BlobReader {
    pub(super) fn new(pool: r2d2::Pool<SqliteConnectionManager>, blob: BlobId) -> Self {
        Self { pool, blob }
    }

    /// The chunk with this number from 0, or none past the end or once the blob is gone. Blocks on the disk.
    ///
    /// # Errors
    /// What the disk says, and [`Error::Damaged`] where it gives back something else than it was given.
    pub(crate) fn chunk(&self, number: u32) -> Result<Option<Bytes>, Error> {
        let connection = self.pool.get().map_err(|_| Error::Busy)?;
        let mut statement =
            connection.prepare_cached("select crc, data from blob_chunk where id = ?")?;
        let id = chunk_id(self.blob, number);
        let found: Option<(u32, Vec<u8>)> = statement
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
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

pub(super) fn chunk_id(blob: BlobId, number: u32) -> i64 {
    blob.0 << NUMBER_BITS | i64::from(number)
}

/// What a chunk is known by when it is read: its bytes, in their place.
fn checksum(id: i64, data: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&id.to_le_bytes());
    crc.update(data);
    crc.finalize()
}

/// Stores a chunk of a blob that belongs to nobody yet. A crash just after this leaves a loose blob, which the
/// next start removes.
pub(super) fn insert_chunk(connection: &Connection, chunk: &Chunk) -> Result<(), Error> {
    if chunk.number == 0 {
        connection
            .prepare_cached("insert into blob (id) values (?)")?
            .execute([chunk.blob.0])?;
    }
    let id = chunk_id(chunk.blob, chunk.number);
    insert_data(connection, id, chunk.crc, &chunk.data)
}

/// Stores a blob's last bytes and gives it to `owner`.
pub(super) fn insert_tail(
    connection: &Connection,
    whole: &WholeBlob,
    owner: Seq,
) -> Result<(), Error> {
    if !whole.tail.is_empty() {
        let id = chunk_id(whole.blob, whole.tail_number);
        insert_data(connection, id, whole.tail_crc, &whole.tail)?;
    }
    connection
        .prepare_cached(
            "insert into blob (id, owner, size, sha256) values (?1, ?2, ?3, ?4)
             on conflict (id) do update set owner = ?2, size = ?3, sha256 = ?4",
        )?
        .execute(params![
            whole.blob.0,
            owner.0,
            whole.size as i64,
            whole.sha256
        ])?;
    Ok(())
}

/// Stores a whole small blob for `owner`.
pub(super) fn insert_small(
    connection: &Connection,
    blob: BlobId,
    owner: Seq,
    bytes: &[u8],
) -> Result<(), Error> {
    for (number, data) in (0..).zip(bytes.chunks(CHUNK_BYTES)) {
        let id = chunk_id(blob, number);
        insert_data(connection, id, checksum(id, data), data)?;
    }
    connection
        .prepare_cached("insert into blob (id, owner, size) values (?, ?, ?)")?
        .execute(params![blob.0, owner.0, bytes.len() as i64])?;
    Ok(())
}

fn insert_data(connection: &Connection, id: i64, crc: u32, data: &[u8]) -> Result<(), Error> {
    connection
        .prepare_cached("insert into blob_chunk (id, crc, data) values (?, ?, ?)")?
        .execute(params![id, crc, data])?;
    Ok(())
}

/// Takes a blob from its owner; false if that is another one.
pub(super) fn disown(connection: &Connection, blob: BlobId, owner: Seq) -> Result<bool, Error> {
    let rows = connection
        .prepare_cached("update blob set owner = null where id = ? and owner = ?")?
        .execute([blob.0, owner.0])?;
    Ok(rows == 1)
}

/// Gives an owned blob to another owner.
pub(super) fn hand_over(connection: &Connection, blob: BlobId, owner: Seq) -> Result<(), Error> {
    connection
        .prepare_cached("update blob set owner = ?2 where id = ?1 and owner is not null")?
        .execute([blob.0, owner.0])?;
    Ok(())
}

/// Every blob that belongs to nobody.
pub(super) fn select_loose(connection: &Connection) -> Result<Vec<BlobId>, Error> {
    let mut statement = connection.prepare_cached("select id from blob where owner is null")?;
    let blobs = statement
        .query_map([], |row| row.get(0).map(BlobId))?
        .collect::<Result<_, _>>()?;
    Ok(blobs)
}

/// Removes up to `most` chunks of a blob whose owner is gone, and the blob with its last; gives how many, and
/// whether the blob is gone. A crash in between leaves a shorter loose blob.
pub(super) fn free(
    connection: &Connection,
    blob: BlobId,
    most: usize,
) -> Result<(usize, bool), Error> {
    let first = chunk_id(blob, 0);
    let last = chunk_id(BlobId(blob.0 + 1), 0) - 1;
    let removed = connection
        .prepare_cached(
            "delete from blob_chunk where id in
             (select id from blob_chunk where id between ?1 and ?2 order by id desc limit ?3)",
        )?
        .execute(params![first, last, most as i64])?;
    if removed == most {
        return Ok((removed, false));
    }
    connection
        .prepare_cached("delete from blob where id = ?")?
        .execute([blob.0])?;
    Ok((removed, true))
}
