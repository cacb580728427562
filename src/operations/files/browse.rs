//! Lists files and folders below the roots, for clients that choose what to submit. Shows what jobs can read.

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
    /// The name.
    pub name: String,
    /// Whether the entry is a file or a folder.
    pub kind: EntryKind,
    /// The modification time.
    pub modified: Option<SystemTime>,
}

/// The kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// A file, with its length in bytes.
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

/// The error of looking at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BrowseError {
    /// The path does not exist or is not below a root.
    #[error("There is no such file or folder below a root.")]
    NotFound,
    /// The folder has more entries than a list may contain.
    #[error("The folder has more than {0} entries.")]
    TooMany(usize),
}

/// The entry at a path. Blocks on the disk, like all functions here.
///
/// # Errors
/// [`BrowseError::NotFound`] if there is no file or folder that jobs can read.
pub(crate) fn look(roots: &Roots, path: &str) -> Result<Entry, BrowseError> {
    let source = open(roots, path)?;
    Ok(entry(source.name, &source.metadata))
}

/// The entries of a folder, ordered by name. Links that stay inside the root are shown as their targets. Names that are
/// not Unicode are omitted, because clients cannot refer to them.
///
/// # Errors
/// [`BrowseError::NotFound`] if there is no folder that jobs can read, [`BrowseError::TooMany`] if it has more than
/// `max_entries` entries.
pub(crate) fn list(
    roots: &Roots,
    path: &str,
    max_entries: usize,
) -> Result<Vec<Entry>, BrowseError> {
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
        if entries.len() == max_entries {
            return Err(BrowseError::TooMany(max_entries));
        }
        entries.push(entry);
    }
    entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// Opens a file.
///
/// # Errors
/// [`BrowseError::NotFound`] if there is no file that jobs can read.
pub(crate) fn open_file(roots: &Roots, path: &str) -> Result<(Entry, File), BrowseError> {
    let source = open(roots, path)?;
    let name = source.file.as_ref().ok_or(BrowseError::NotFound)?;
    match walk::open_file(roots, &source.dir, name) {
        Ok(Some((file, metadata))) => Ok((entry(source.name, &metadata), file)),
        _ => Err(BrowseError::NotFound),
    }
}

fn open(roots: &Roots, path: &str) -> Result<Source, BrowseError> {
    Source::open(roots, path).map_err(|error| {
        if let OperationError::Failed(failure) = error {
            tracing::debug!(reason = failure.message, "cannot browse the path");
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
