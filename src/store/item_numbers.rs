//! Numbers for files and folders below roots, for clients that cannot use paths.
//!
//! A path gets its number when the number is first needed. Numbers are never reused and rows never removed, so there are as
//! many as there were different paths. A renamed file has another path and so another number.

use rusqlite::OptionalExtension;

use super::command_queue::Command;
use super::items::select_numbers;
use super::{Error, Store};

/// Maximum number of paths numbered in one transaction, so that other commands do not wait long.
const MAX_PATHS_PER_COMMAND: usize = 500;

impl Store {
    /// The numbers of paths below a root, in order; paths without a number get one.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn item_numbers(
        &self,
        root: &str,
        paths: Vec<String>,
    ) -> Result<Vec<i64>, Error> {
        let (root, paths) = (root.to_owned(), std::sync::Arc::<[String]>::from(paths));
        let find = || {
            let (root, paths) = (root.clone(), std::sync::Arc::clone(&paths));
            self.read(move |connection| select_numbers(connection, &root, &paths))
        };
        let known = find().await?;
        let new: Vec<_> = known
            .iter()
            .zip(&*paths)
            .filter(|(number, _)| number.is_none())
            .map(|(_, path)| path.clone())
            .collect();
        if new.is_empty() {
            return Ok(known.into_iter().flatten().collect());
        }
        for chunk in new.chunks(MAX_PATHS_PER_COMMAND) {
            let (root, paths) = (root.clone(), chunk.to_vec());
            self.ask(|reply| Command::NumberItems { root, paths, reply })
                .await?;
        }
        let known = find().await?;
        Ok(known.into_iter().flatten().collect())
    }

    /// The root and the path with this number.
    ///
    /// # Errors
    /// An error of the database.
    pub(crate) async fn item(&self, number: i64) -> Result<Option<(String, String)>, Error> {
        self.read(move |connection| {
            let mut statement =
                connection.prepare_cached("select root, path from item where id = ?")?;
            let found = statement.query_row([number], |row| Ok((row.get(0)?, row.get(1)?)));
            Ok(found.optional()?)
        })
        .await
    }
}
