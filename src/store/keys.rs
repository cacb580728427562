//! Idempotency keys of submissions.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Error, IdempotencyKey};
use crate::job::Seq;

/// The job submitted with a key, and the submission's fingerprint.
pub(super) fn select(
    connection: &Connection,
    key: &IdempotencyKey,
) -> Result<Option<(Seq, [u8; 32])>, Error> {
    let query = "select seq, fingerprint from idempotency where token = ? and key = ?";
    let mut statement = connection.prepare_cached(query)?;
    let found = statement.query_row(params![key.token_or_none(), key.name], |row| {
        Ok((Seq(row.get(0)?), row.get(1)?))
    });
    Ok(found.optional()?)
}

/// Stores the key of a job's submission.
pub(super) fn insert(connection: &Connection, key: &IdempotencyKey, seq: Seq) -> Result<(), Error> {
    connection
        .prepare_cached(
            "insert into idempotency (token, key, seq, fingerprint) values (?, ?, ?, ?)",
        )?
        .execute(params![
            key.token_or_none(),
            key.name,
            seq.0,
            key.fingerprint
        ])?;
    Ok(())
}

/// Deletes the key of a job's submission.
pub(super) fn delete(connection: &Connection, seq: Seq) -> Result<(), Error> {
    connection
        .prepare_cached("delete from idempotency where seq = ?")?
        .execute([seq.0])?;
    Ok(())
}
