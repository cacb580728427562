//! Single values in the table `meta`.

use rusqlite::{Connection, OptionalExtension, params};

/// Sets a single value in `meta`.
pub(super) fn set_meta(
    connection: &Connection,
    key: &str,
    value: i64,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("update meta set value = ? where key = ?")?
        .execute(params![value, key])?;
    Ok(())
}

/// Reads a single value from `meta`, which must exist.
pub(super) fn meta<T: rusqlite::types::FromSql>(
    connection: &Connection,
    key: &str,
) -> Result<T, rusqlite::Error> {
    connection
        .query_row("select value from meta where key = ?", [key], |row| {
            row.get(0)
        })
        .optional()?
        .ok_or(rusqlite::Error::QueryReturnedNoRows)
}
