//! Blobs and their chunks as rows.

use rusqlite::{Connection, params};

use super::command_queue::Chunk;
use super::file_format::{CHUNK_BYTES, NUMBER_BITS};
use super::{Error, WholeBlob};
use crate::job::{BlobId, Seq};

/// The row id of a chunk.
pub(super) fn chunk_id(blob: BlobId, number: u32) -> i64 {
    blob.0 << NUMBER_BITS | i64::from(number)
}

/// The CRC-32 of a chunk's row id and bytes.
pub(super) fn checksum(id: i64, data: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&id.to_le_bytes());
    crc.update(data);
    crc.finalize()
}

/// Stores a chunk of a blob that has no owner yet. A crash after the commit leaves a blob without an owner, which the next
/// start removes.
pub(super) fn insert_chunk(connection: &Connection, chunk: &Chunk) -> Result<(), Error> {
    if chunk.number == 0 {
        connection
            .prepare_cached("insert into blob (id) values (?)")?
            .execute([chunk.blob.0])?;
    }
    let id = chunk_id(chunk.blob, chunk.number);
    insert_data(connection, id, chunk.crc, &chunk.data)
}

/// Stores a blob's last bytes and assigns the blob to `owner`.
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

/// Stores a complete small blob that belongs to `owner`.
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

/// Takes a blob from its owner; false if it belongs to another job.
pub(super) fn disown(connection: &Connection, blob: BlobId, owner: Seq) -> Result<bool, Error> {
    let rows = connection
        .prepare_cached("update blob set owner = null where id = ? and owner = ?")?
        .execute([blob.0, owner.0])?;
    Ok(rows == 1)
}

/// Assigns an owned blob to another owner.
pub(super) fn hand_over(connection: &Connection, blob: BlobId, owner: Seq) -> Result<(), Error> {
    connection
        .prepare_cached("update blob set owner = ?2 where id = ?1 and owner is not null")?
        .execute([blob.0, owner.0])?;
    Ok(())
}

/// All blobs without an owner.
pub(super) fn select_unowned(connection: &Connection) -> Result<Vec<BlobId>, Error> {
    let mut statement = connection.prepare_cached("select id from blob where owner is null")?;
    let blobs = statement
        .query_map([], |row| row.get(0).map(BlobId))?
        .collect::<Result<_, _>>()?;
    Ok(blobs)
}

/// Removes up to `most` chunks of a blob without an owner, and the blob with its last chunk. Returns the number of removed
/// chunks, and whether the blob is gone. A crash in between leaves a shorter blob without an owner.
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
