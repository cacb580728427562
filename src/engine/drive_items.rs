//! Files, folders and results by number, for clients of a dialect without paths.
//!
//! All share one number space. The number of a result is even, twice its job's sequence number, and needs no row. Files
//! and folders below a root have odd numbers, which the store keeps.

use std::fs::File;

use crate::engine::{Caller, Engine, Error, View};
use crate::job::{Job, Seq};
use crate::operations::files::browse;
use crate::operations::files::browse::{BrowseError, Entry};
use crate::roots::Roots;
use crate::store;

/// Maximum number of entries in the list of a folder.
const MAX_LIST_ENTRIES: usize = 10_000;

/// A file or folder below a root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DriveItem {
    /// The item's number.
    pub number: i64,
    /// The item's public path.
    pub path: String,
    /// The item's name, type, size and times.
    pub entry: Entry,
}

/// The item that a number stands for.
#[derive(Debug)]
pub(crate) enum NumberedItem {
    /// A file or folder, by its public path. It may be gone.
    Path(String),
    /// The result of a job.
    Result(View),
}

/// Why an item cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ItemError {
    /// The file or folder cannot be read.
    #[error(transparent)]
    Browse(#[from] BrowseError),
    /// The request failed for another reason.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl From<store::Error> for ItemError {
    fn from(error: store::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl Engine {
    /// The number of a job's result.
    pub(crate) fn result_number(job: &Job) -> i64 {
        job.seq.0 * 2
    }

    /// The item that a number stands for. Counts as a use of a result's job.
    ///
    /// # Errors
    /// [`BrowseError::NotFound`] for an unknown number; for a result like [`Engine::get`].
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

    /// The roots, as folders. Roots that cannot be read are left out.
    ///
    /// # Errors
    /// [`ItemError::Engine`] if the database cannot be read or written.
    pub(crate) async fn root_items(&self) -> Result<Vec<DriveItem>, ItemError> {
        let mut items = Vec::new();
        for path in self.roots.paths() {
            // A root that cannot be read is left out.
            match self.item(&path).await {
                Ok(item) => items.push(item),
                Err(ItemError::Browse(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(items)
    }

    /// The file or folder at a public path.
    ///
    /// # Errors
    /// [`ItemError::Browse`] if it cannot be read, [`ItemError::Engine`] if the database cannot.
    pub(crate) async fn item(&self, path: &str) -> Result<DriveItem, ItemError> {
        let entry = self.browse(path, browse::look).await?;
        let (root, below) = self.split(path)?;
        let numbers = self.store.item_numbers(&root, vec![below.clone()]).await?;
        let number = numbers.first().ok_or(BrowseError::NotFound)?;
        Ok(DriveItem {
            number: odd(*number),
            path: joined(&root, &below),
            entry,
        })
    }

    /// The entries of a folder, by name.
    ///
    /// # Errors
    /// [`ItemError::Browse`] if the folder cannot be read or has too many entries, [`ItemError::Engine`] if the database
    /// cannot be read or written.
    pub(crate) async fn items_in(&self, path: &str) -> Result<Vec<DriveItem>, ItemError> {
        let list = |roots: &Roots, path: &str| browse::list(roots, path, MAX_LIST_ENTRIES);
        let entries = self.browse(path, list).await?;
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

    /// The number of entries of a folder, up to the maximum of a list.
    ///
    /// # Errors
    /// [`ItemError::Browse`] if the folder cannot be read.
    pub(crate) async fn child_count(&self, folder: &DriveItem) -> Result<usize, ItemError> {
        let count = |roots: &Roots, path: &str| browse::list(roots, path, MAX_LIST_ENTRIES);
        match self.browse(&folder.path, count).await {
            Err(ItemError::Browse(BrowseError::TooMany(most))) => Ok(most),
            counted => Ok(counted?.len()),
        }
    }

    /// The number of a public path, whether or not it exists. `None` if the path is below no root.
    ///
    /// # Errors
    /// An error if the database cannot be read or written.
    pub(crate) async fn number_of(&self, path: &str) -> Result<Option<i64>, Error> {
        let Ok((root, below)) = self.split(path) else {
            return Ok(None);
        };
        let numbers = self.store.item_numbers(&root, vec![below]).await?;
        Ok(numbers.first().copied().map(odd))
    }

    /// The number of the folder that contains a public path. `None` for a root.
    ///
    /// # Errors
    /// An error if the database cannot be read or written.
    pub(crate) async fn number_of_parent(&self, path: &str) -> Result<Option<i64>, Error> {
        match self.split(path) {
            Ok((_, below)) if !below.is_empty() => {
                let folder = path.trim_end_matches('/').rsplit_once('/');
                self.number_of(folder.unwrap_or_default().0).await
            }
            _ => Ok(None),
        }
    }

    /// Opens the file at a public path.
    ///
    /// # Errors
    /// [`ItemError::Browse`] if it is not a file or cannot be opened.
    pub(crate) async fn open_item(&self, path: &str) -> Result<(Entry, File), ItemError> {
        self.browse(path, browse::open_file).await
    }

    fn split(&self, path: &str) -> Result<(String, String), BrowseError> {
        let place = self.roots.locate(path).map_err(|_| BrowseError::NotFound)?;
        Ok(place.split())
    }

    async fn browse<T: Send + 'static>(
        &self,
        path: &str,
        look: impl FnOnce(&Roots, &str) -> Result<T, BrowseError> + Send + 'static,
    ) -> Result<T, ItemError> {
        // Pinned roots keep the whole lookup within the same folders.
        let (roots, path) = (self.roots.pinned(), path.to_owned());
        Ok(Engine::blocking(move || look(&roots, &path)).await??)
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
