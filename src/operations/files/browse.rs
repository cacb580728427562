//! A look at what is below the roots, for those who choose what to hand in: the same files and folders that jobs see.

use std::fs::File;
use std::time::SystemTime;

use cap_std::fs::{Dir, Metadata};

use crate::operations::OperationError;
use crate::operations::destination::is_temporary;
use crate::operations::files::source::Source;
use crate::operations::files::walk;
use crate::roots::Roots;

/// A file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: EntryKind,
    /// When its content changed last.
    pub modified: Option<SystemTime>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file of so many bytes.
    File(u64),
    /// A folder.
    Folder,
}

impl EntryKind {
    /// The length of a file, in bytes.
    pub(crate) fn size(self) -> Option<u64> {
        match self {
            Self::File(size) => Some(size),
            Self::Folder => None,
        }
    }
}

/// Why there is nothing to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrowseError {
    /// Nothing is there that the server would show.
    #[error("There is no such file or folder below a root.")]
    NotFound,
    /// A folder holds more than one list may.
    #[error("The folder has more than {0} entries.")]
    TooMany(usize),
}

/// What is at a path. Blocks on the disk, as all of these do.
///
/// # Errors
/// [`BrowseError::NotFound`].
pub(crate) fn look(roots: &Roots, path: &str) -> Result<Entry, BrowseError> {
    let source = open(roots, path)?;
    Ok(entry(source.name, &source.metadata))
}

/// What is in a folder, by name, at most `most` entries. Links that stay inside are shown as what they lead to; names
/// that are not Unicode, which no client could say, are left out.
///
/// # Errors
/// [`BrowseError`].
pub(crate) fn list(roots: &Roots, path: &str, most: usize) -> Result<Vec<Entry>, BrowseError> {
    let source = open(roots, path)?;
    if source.file.is_some() {
        return Err(BrowseError::NotFound);
    }
    let mut entries = Vec::new();
    for found in source.dir.entries().map_err(|_| BrowseError::NotFound)? {
        let Ok(Ok(name)) = found.map(|found| found.file_name().into_string()) else {
            continue;
        };
        let Some(entry) = look_at(roots, &source.dir, path, name) else {
            continue;
        };
        if entries.len() == most {
            return Err(BrowseError::TooMany(most));
        }
        entries.push(entry);
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Opens a file.
///
/// # Errors
/// [`BrowseError::NotFound`].
pub(crate) fn open_file(roots: &Roots, path: &str) -> Result<(Entry, File), BrowseError> {
    let source = open(roots, path)?;
    let name = source.file.as_ref().ok_or(BrowseError::NotFound)?;
    match walk::open_file(roots, &source.dir, name) {
        Ok(Some((file, metadata))) => Ok((entry(source.name, &metadata), file)),
        _ => Err(BrowseError::NotFound),
    }
}

fn open(roots: &Roots, path: &str) -> Result<Source, BrowseError> {
    Source::open(roots, path).map_err(|stop| {
        if let OperationError::Failed(failure) = stop {
            tracing::debug!(reason = failure.message, "there is nothing to see");
        }
        BrowseError::NotFound
    })
}

fn look_at(roots: &Roots, dir: &Dir, path: &str, name: String) -> Option<Entry> {
    if is_temporary(name.as_ref()) {
        return None;
    }
    let metadata = dir.symlink_metadata(&name).ok()?;
    if metadata.is_symlink() {
        let path = format!("{}/{name}", path.trim_end_matches('/'));
        let metadata = Source::open(roots, &path).ok()?.metadata;
        return Some(entry(name, &metadata));
    }
    let is_shown = (metadata.is_file() || metadata.is_dir()) && !roots.is_own(&metadata);
    is_shown.then(|| entry(name, &metadata))
}

fn entry(name: String, metadata: &Metadata) -> Entry {
    Entry {
        name,
        kind: if metadata.is_dir() {
            EntryKind::Folder
        } else {
            EntryKind::File(metadata.len())
        },
        modified: metadata
            .modified()
            .ok()
            .map(cap_std::time::SystemTime::into_std),
    }
}
