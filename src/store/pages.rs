//! Free pages inside the database, and how they go back to the file system.

use rusqlite::Connection;

use super::Error;

/// Free pages that the file keeps, 1 MiB: what is freed is soon filled again.
const KEPT: i64 = 256;
/// Pages given back in one go, 1 MiB, when there is nothing else to do.
const RETURNED: i64 = 256;

/// How many pages hold nothing.
pub(super) fn free(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("pragma freelist_count")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// How many pages there are.
pub(super) fn all(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("pragma page_count")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Gives some free pages back; the file is cut at the next checkpoint. False if there are too few of them.
pub(super) fn give_back(connection: &Connection) -> Result<bool, Error> {
    let spare = free(connection)? - KEPT;
    if spare <= 0 {
        return Ok(false);
    }
    // The pragma gives a row a page, and works while it is stepped; only its end commits.
    let pages = spare.min(RETURNED);
    let mut statement = connection.prepare(&format!("pragma incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}
