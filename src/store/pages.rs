//! Free pages in the database file, and how they are returned to the file system.

use rusqlite::Connection;

use super::Error;

/// Number of free pages that the file keeps (1 MiB), because they are soon used again.
const KEPT_PAGES: i64 = 256;
/// Maximum number of pages returned at once (1 MiB), when the writer is idle.
const RELEASED_PAGES: i64 = 256;

/// The number of free pages.
pub(super) fn free(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("pragma freelist_count")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// The number of all pages.
pub(super) fn all(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("pragma page_count")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Frees some pages; the file shrinks at the next checkpoint. False if there are too few free pages.
pub(super) fn release(connection: &Connection) -> Result<bool, Error> {
    let spare = free(connection)? - KEPT_PAGES;
    if spare <= 0 {
        return Ok(false);
    }
    // The pragma returns one row per page and works while it is stepped; only its end commits.
    let pages = spare.min(RELEASED_PAGES);
    let mut statement = connection.prepare(&format!("pragma incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(true)
}
