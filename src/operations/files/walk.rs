//! Walks the tree below a source in the order of names, each folder before its entries.
//!
//! Every entry is inspected before it is opened, and opened relative to its folder's handle without following links, so
//! that neither a swapped entry nor a loop leads out of the root. Entries other than files, folders and links that stay
//! inside are counted, but never opened. The server's own files and the temporary files of jobs are skipped silently.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use cap_fs_ext::{DirExt, FileTypeExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, Metadata, OpenOptions, ReadDir};
use serde::{Deserialize, Serialize};

use crate::job::Failure;
use crate::operations::destination::is_temporary;
use crate::operations::files::links::stays_inside;
use crate::operations::files::source::{MAX_FOLDER_DEPTH, Source, unreadable};
use crate::operations::{Context, OperationError};
use crate::roots::Roots;

/// The maximum number of names of a folder that are read into memory and sorted at once.
const MAX_SORTED_NAMES: usize = 65_536;

/// An entry below a source, or the source itself.
pub(in crate::operations) struct Found {
    /// The path relative to the source; empty for the source itself.
    pub(in crate::operations) path: PathBuf,
    /// The metadata of the entry. Links are not followed.
    pub(in crate::operations) metadata: Metadata,
    /// The kind of entry.
    pub(in crate::operations) kind: Kind,
    name: OsString,
}

/// The kinds of entries that a walk returns.
#[derive(Debug)]
pub(in crate::operations) enum Kind {
    /// A folder. Its entries follow.
    Folder,
    /// A file, to be opened with [`Walker::open`].
    File,
    /// A link that stays inside the root, with its target.
    Link(PathBuf),
}

/// The number of skipped entries of each kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::operations) struct Skipped {
    pub(in crate::operations) links: u64,
    fifos: u64,
    sockets: u64,
    devices: u64,
    vanished: u64,
}

impl Skipped {
    pub(in crate::operations) fn add(&mut self, other: Self) {
        self.links += other.links;
        self.fifos += other.fifos;
        self.sockets += other.sockets;
        self.devices += other.devices;
        self.vanished += other.vanished;
    }

    /// A text like `2 links and 1 device skipped`, or `None` if nothing was skipped.
    pub(in crate::operations) fn describe(self) -> Option<String> {
        let counts = [
            (self.links, "link"),
            (self.fifos, "FIFO"),
            (self.sockets, "socket"),
            (self.devices, "device"),
            (self.vanished, "vanished file"),
        ];
        let mut words: Vec<_> = counts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{count} {name}{}", if *count == 1 { "" } else { "s" }))
            .collect();
        let last = words.pop()?;
        if words.is_empty() {
            return Some(format!("{last} skipped"));
        }
        Some(format!("{} and {last} skipped", words.join(", ")))
    }
}

/// Joins the work that was done and the remarks about it: `Zipped, 2 links skipped`.
pub(in crate::operations) fn summary(done: &str, remarks: [Option<String>; 2]) -> String {
    let remarks = remarks.into_iter().flatten();
    remarks.fold(done.to_owned(), |text, remark| format!("{text}, {remark}"))
}

/// An open folder, with the entries that are still to be walked.
struct Level {
    dir: Dir,
    path: PathBuf,
    /// The next names in reverse order.
    names: Vec<OsString>,
    /// The names that are not read yet.
    unread: Option<ReadDir>,
}

impl Level {
    fn next_name(&mut self) -> io::Result<Option<OsString>> {
        if let (true, Some(entries)) = (self.names.is_empty(), &mut self.unread) {
            for entry in entries.take(MAX_SORTED_NAMES) {
                self.names.push(entry?.file_name());
            }
            self.names.sort_unstable_by(|a, b| b.cmp(a));
            // Most folders are read at once. Close their second descriptor before the walk goes deeper.
            if self.names.len() < MAX_SORTED_NAMES {
                self.unread = None;
            }
        }
        Ok(self.names.pop())
    }
}

/// Walks a tree, one entry at a time.
pub(in crate::operations) struct Walker<'a> {
    context: &'a Context,
    /// Whether to omit an entry, given its path below the source.
    prune: &'a dyn Fn(&Path) -> bool,
    source: Option<Source>,
    source_path: String,
    source_depth: usize,
    levels: Vec<Level>,
    skipped: Skipped,
}

impl<'a> Walker<'a> {
    /// Begins a walk.
    pub(in crate::operations) fn new(
        context: &'a Context,
        source: Source,
        prune: &'a dyn Fn(&Path) -> bool,
    ) -> Self {
        Self {
            context,
            prune,
            source_path: source.path.clone(),
            source_depth: source.depth,
            source: Some(source),
            levels: Vec::new(),
            skipped: Skipped::default(),
        }
    }

    /// The entries skipped so far.
    pub(in crate::operations) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The next entry, or `None` at the end.
    ///
    /// # Errors
    /// A failure with code `source_unreadable` if an entry cannot be read, `over_limit` if folders are nested too deep;
    /// [`OperationError::Canceled`] if the attempt was asked to stop.
    pub(in crate::operations) fn next(&mut self) -> Result<Option<Found>, OperationError> {
        if let Some(source) = self.source.take() {
            return self.begin(source).map(Some);
        }
        while let Some(level) = self.levels.last_mut() {
            self.context.check()?;
            let name = match level.next_name() {
                Ok(name) => name,
                Err(error) => {
                    let path = level.path.clone();
                    return Err(self.unreadable(&path, &error));
                }
            };
            let Some(name) = name else {
                self.levels.pop();
                continue;
            };
            if let Some(found) = self.look(&name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Opens the file that [`next`](Self::next) returned last, and reads its metadata anew. `None` if it no longer exists
    /// or is not a file any more.
    ///
    /// # Errors
    /// A failure with code `source_unreadable` if the file cannot be opened.
    pub(in crate::operations) fn open(
        &mut self,
        found: &Found,
    ) -> Result<Option<(File, Metadata)>, OperationError> {
        let level = self
            .levels
            .last()
            .expect("the folder of the last entry is open");
        match open_file(self.context.roots(), &level.dir, &found.name) {
            Ok(opened) => {
                self.skipped.vanished += u64::from(opened.is_none());
                Ok(opened)
            }
            Err(error) => Err(self.unreadable(&found.path, &error)),
        }
    }

    /// The path of an entry, or of the source itself, as clients see it.
    pub(in crate::operations) fn path_of(&self, path: &Path) -> String {
        let top = &self.source_path;
        match path.to_string_lossy() {
            path if path.is_empty() => top.clone(),
            path => format!("{}/{path}", top.trim_end_matches('/')),
        }
    }

    fn unreadable(&self, path: &Path, error: &io::Error) -> OperationError {
        unreadable(&self.path_of(path), error).into()
    }

    fn begin(&mut self, source: Source) -> Result<Found, OperationError> {
        let (kind, name, unread) = if let Some(name) = source.file {
            (Kind::File, name, None)
        } else {
            let entries = source.dir.entries();
            let entries = entries.map_err(|e| unreadable(&source.path, &e))?;
            (Kind::Folder, OsString::new(), Some(entries))
        };
        self.levels.push(Level {
            dir: source.dir,
            path: PathBuf::new(),
            names: Vec::new(),
            unread,
        });
        Ok(Found {
            path: PathBuf::new(),
            metadata: source.metadata,
            kind,
            name,
        })
    }

    fn look(&mut self, name: &OsStr) -> Result<Option<Found>, OperationError> {
        let level = self
            .levels
            .last()
            .expect("the name was read from the last level");
        let path = level.path.join(name);
        if is_temporary(name) || (self.prune)(&path) {
            return Ok(None);
        }
        let metadata = match level.dir.symlink_metadata(name) {
            Ok(metadata) => metadata,
            Err(error) if has_changed(&error) => {
                self.skipped.vanished += 1;
                return Ok(None);
            }
            Err(error) => return Err(self.unreadable(&path, &error)),
        };
        if self.context.roots().is_own(&metadata) {
            return Ok(None);
        }
        let found = |metadata, kind| {
            Some(Found {
                path: path.clone(),
                metadata,
                kind,
                name: name.to_owned(),
            })
        };
        let kind = metadata.file_type();
        if kind.is_file() {
            return Ok(found(metadata, Kind::File));
        }
        if kind.is_dir() {
            let metadata = self.descend(name, &path)?;
            return Ok(metadata.and_then(|metadata| found(metadata, Kind::Folder)));
        }
        if kind.is_symlink() {
            let depth = self.source_depth + self.levels.len() - 1;
            let target = level.dir.read_link_contents(name).ok();
            if let Some(target) = target.filter(|target| stays_inside(target, depth)) {
                return Ok(found(metadata, Kind::Link(target)));
            }
            self.skipped.links += 1;
        } else if kind.is_fifo() {
            self.skipped.fifos += 1;
        } else if kind.is_socket() {
            self.skipped.sockets += 1;
        } else {
            self.skipped.devices += 1;
        }
        Ok(None)
    }

    fn descend(&mut self, name: &OsStr, path: &Path) -> Result<Option<Metadata>, OperationError> {
        let level = self
            .levels
            .last()
            .expect("the name was read from the last level");
        let opened = level
            .dir
            .open_dir_nofollow(name)
            .and_then(|dir| read(&dir).map(|(metadata, entries)| (dir, metadata, entries)));
        let (dir, metadata, entries) = match opened {
            Ok(opened) => opened,
            Err(error) if has_changed(&error) => {
                self.skipped.vanished += 1;
                return Ok(None);
            }
            Err(error) => return Err(self.unreadable(path, &error)),
        };
        if self.context.roots().is_own(&metadata) {
            return Ok(None);
        }
        if self.levels.len() == MAX_FOLDER_DEPTH {
            let message = format!(
                "Folders are nested more than {MAX_FOLDER_DEPTH} deep at {}.",
                self.path_of(path)
            );
            return Err(Failure::new("over_limit", message).into());
        }
        self.levels.push(Level {
            dir,
            path: path.to_owned(),
            names: Vec::new(),
            unread: Some(entries),
        });
        Ok(Some(metadata))
    }
}

fn read(dir: &Dir) -> io::Result<(Metadata, ReadDir)> {
    Ok((dir.dir_metadata()?, dir.entries()?))
}

/// Opens a regular file for reading, without blocking on a FIFO. `None` if it no longer exists or is not a regular file.
pub(in crate::operations) fn open_file(
    roots: &Roots,
    dir: &Dir,
    name: &OsStr,
) -> io::Result<Option<(File, Metadata)>> {
    let mut options = OpenOptions::new();
    options.read(true).nonblock(true).follow(FollowSymlinks::No);
    let file = match dir.open_with(name, &options) {
        Ok(file) => file,
        Err(error) if has_changed(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if roots.is_own(&metadata) {
        // Another program put it there after the check. Leave it open for good: closing it would drop SQLite's locks on
        // the database, because POSIX locks belong to the process.
        std::mem::forget(file);
        return Ok(None);
    }
    Ok(metadata.is_file().then(|| (file.into_std(), metadata)))
}

/// Whether the error means that the entry was removed or replaced after it was inspected.
fn has_changed(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
    if kinds.contains(&error.kind()) {
        return true;
    }
    // The entry is a link or a socket now.
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let errno = Errno::from_io_error(error);
        matches!(errno, Some(Errno::LOOP | Errno::MLINK | Errno::NXIO))
    }
    #[cfg(not(unix))]
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_entries_are_described() {
        let mut skipped = Skipped::default();
        assert_eq!(skipped.describe(), None);
        skipped.links = 2;
        assert_eq!(skipped.describe().as_deref(), Some("2 links skipped"));
        skipped.fifos = 1;
        skipped.devices = 1;
        let words = "2 links, 1 FIFO and 1 device skipped";
        assert_eq!(skipped.describe().as_deref(), Some(words));
    }
}
