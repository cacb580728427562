//! The table `item`: numbers for files and folders below roots.

use rusqlite::{Connection, OptionalExtension, params};

use super::Error;

/// Numbers the paths that have no number. A crash after the commit only leaves unused numbers.
pub(super) fn insert(connection: &Connection, root: &str, paths: &[String]) -> Result<(), Error> {
    let mut statement = connection
        .prepare_cached("insert into item (root, path) values (?, ?) on conflict do nothing")?;
    for path in paths {
        statement.execute(params![root, path])?;
    }
    Ok(())
}

/// The numbers of paths below a root, in order; `None` for paths without a number.
pub(super) fn select_numbers(
    connection: &Connection,
    root: &str,
    paths: &[String],
) -> Result<Vec<Option<i64>>, Error> {
    let mut statement =
        connection.prepare_cached("select id from item where root = ? and path = ?")?;
    let mut numbers = Vec::with_capacity(paths.len());
    for path in paths {
        let number = statement.query_row(params![root, path], |row| row.get(0));
        numbers.push(number.optional()?);
    }
    Ok(numbers)
}
