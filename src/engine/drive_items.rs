//! Files, folders and results by number, for clients that know no paths.
//!
//! They share one space: results have the even numbers, twice their job's place, and need no row; whatever is below a
//! root has an odd one, which the store keeps.

use std::fs::File;

use crate::engine::{Caller, Engine, View};
use crate::job::{Job, Seq};
use crate::operations::files::browse;
use crate::operations::files::browse::{BrowseError, Entry};
use crate::roots::Roots;
use crate::store;

/// Entries of a folder in one list.
const LIST_AT_MOST: usize = 10_000;

/// A file or folder below a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriveItem {
    /// Its number.
    pub number: i64,
    /// Its path on the wire.
    pub path: String,
    /// What is there.
    pub entry: Entry,
}

/// What a number stands for.
#[derive(Debug)]
pub(crate) enum NumberedItem {
    /// A file or folder, by its path on the wire; it may be gone.
    Path(String),
    /// The result of a job.
    Result(View),
}

/// Why there is no item to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ItemError {
    /// It is not there, or is too much.
    #[error(transparent)]
    Browse(#[from] BrowseError),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Engine {
    /// The number of a job's result.
    pub(crate) fn result_number(job: &Job) -> i64 {
        job.seq.0 * 2
    }

    /// What a number stands for. Counts as a use of a job.
    ///
    /// # Errors
    /// [`BrowseError::NotFound`] for a number that was not given; what the disk may say.
    pub(crate) async fn numbered(
        &self,
        caller: &Caller,
        number: i64,
    ) -> Result<NumberedItem, ItemError> {
        if number % 2 == 0 {
            return Ok(NumberedItem::Result(
                self.at(caller, Seq(number / 2)).await?,
            ));
        }
        let (root, below) = self
            .store
            .item(number / 2)
            .await?
            .ok_or(BrowseError::NotFound)?;
        Ok(NumberedItem::Path(joined(&root, &below)))
    }

    /// The roots, as folders.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn root_items(&self) -> Result<Vec<DriveItem>, ItemError> {
        let mut items = Vec::new();
        for path in self.roots.paths() {
            // One that is gone is not shown.
            match self.item(&path).await {
                Ok(item) => items.push(item),
                Err(ItemError::Browse(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(items)
    }

    /// What is at a path on the wire.
    ///
    /// # Errors
    /// [`ItemError`].
    pub(crate) async fn item(&self, path: &str) -> Result<DriveItem, ItemError> {
        let entry = self.blocking(path, browse::look).await?;
        let (root, below) = self.split(path)?;
        let numbers = self.store.item_numbers(&root, vec![below.clone()]).await?;
        let number = numbers.first().ok_or(BrowseError::NotFound)?;
        Ok(DriveItem {
            number: odd(*number),
            path: joined(&root, &below),
            entry,
        })
    }

    /// What is in a folder, by name.
    ///
    /// # Errors
    /// [`ItemError`].
    pub(crate) async fn items_in(&self, path: &str) -> Result<Vec<DriveItem>, ItemError> {
        let list = |roots: &Roots, path: &str| browse::list(roots, path, LIST_AT_MOST);
        let entries = self.blocking(path, list).await?;
        let (root, below) = self.split(path)?;
        let below = |name: &str| match below.as_str() {
            "" => name.to_owned(),
            below => format!("{below}/{name}"),
        };
        let paths: Vec<_> = entries.iter().map(|entry| below(&entry.name)).collect();
        let numbers = self.store.item_numbers(&root, paths.clone()).await?;
        let items = entries.into_iter().zip(paths).zip(numbers);
        Ok(items
            .map(|((entry, below), number)| DriveItem {
                number: odd(number),
                path: joined(&root, &below),
                entry,
            })
            .collect())
    }

    /// How many entries a folder has, as far as they would be listed.
    ///
    /// # Errors
    /// [`ItemError`].
    pub(crate) async fn child_count(&self, folder: &DriveItem) -> Result<usize, ItemError> {
        let count = |roots: &Roots, path: &str| browse::list(roots, path, LIST_AT_MOST);
        match self.blocking(&folder.path, count).await {
            Err(ItemError::Browse(BrowseError::TooMany(most))) => Ok(most),
            counted => Ok(counted?.len()),
        }
    }

    /// The number of a path on the wire, whether or not something is there; none if it is below no root any more.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn number_of(&self, path: &str) -> Result<Option<i64>, store::Error> {
        let Ok((root, below)) = self.split(path) else {
            return Ok(None);
        };
        let numbers = self.store.item_numbers(&root, vec![below]).await?;
        Ok(numbers.first().copied().map(odd))
    }

    /// The number of the folder that something is in; none for a root.
    ///
    /// # Errors
    /// What the disk may say.
    pub(crate) async fn number_of_parent(&self, path: &str) -> Result<Option<i64>, store::Error> {
        match self.split(path) {
            Ok((_, below)) if !below.is_empty() => {
                let folder = path.trim_end_matches('/').rsplit_once('/');
                self.number_of(folder.unwrap_or_default().0).await
            }
            _ => Ok(None),
        }
    }

    /// Opens a file.
    ///
    /// # Errors
    /// [`ItemError`].
    pub(crate) async fn open_item(&self, path: &str) -> Result<(Entry, File), ItemError> {
        self.blocking(path, browse::open_file).await
    }

    fn split(&self, path: &str) -> Result<(String, String), BrowseError> {
        let place = self.roots.locate(path).map_err(|_| BrowseError::NotFound)?;
        Ok(place.split())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        path: &str,
        look: impl FnOnce(&Roots, &str) -> Result<T, BrowseError> + Send + 'static,
    ) -> Result<T, ItemError> {
        // One folder for all that is looked at.
        let (roots, path) = (self.roots.pinned(), path.to_owned());
        let looked = tokio::task::spawn_blocking(move || look(&roots, &path)).await;
        Ok(looked.map_err(|e| store::Error::Database(e.to_string()))??)
    }
}

fn odd(row: i64) -> i64 {
    row * 2 + 1
}

fn joined(root: &str, below: &str) -> String {
    match below {
        "" => root.to_owned(),
        below => format!("{}/{below}", root.trim_end_matches('/')),
    }
}
