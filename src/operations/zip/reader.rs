//! Walks the sources and reads them into blocks. Shows the progress.

use std::fs::File;
use std::path::Path;

use crate::job::Failure;
use crate::operations::files::changes::{Change, Changes};
use crate::operations::files::source::{Source, unreadable};
use crate::operations::files::walk::{Found, Kind, Skipped, Walker};
use crate::operations::zip::block::{Block, BlockEntry, EntryHeader};
use crate::operations::zip::top::Top;
use crate::operations::{Context, OperationError};
use crate::roots::Roots;

/// The maximum length of an entry's path, in bytes, without the slash at the end of a folder's.
const NAME_BYTES: usize = u16::MAX as usize - 1;

/// A number of entries and bytes.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Totals {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// A file that is being read.
struct OpenFile {
    file: File,
    /// The path in the archive.
    name: String,
    /// The path as clients see it.
    path: String,
    /// The length when the file was opened, in bytes. No more is read.
    length: u64,
    read: u64,
    /// The header, until the first piece has taken it.
    head: Option<EntryHeader>,
    /// The end of the previous piece.
    dictionary: Vec<u8>,
}

/// Reads the sources, block by block.
pub(super) struct Reader<'a> {
    context: &'a Context,
    roots: &'a Roots,
    prune: &'a dyn Fn(&Path) -> bool,
    tops: std::slice::Iter<'a, Top>,
    walk: Option<(Walker<'a>, &'a str)>,
    reading: Option<OpenFile>,
    done: Totals,
    total: Option<Totals>,
    skipped: Skipped,
    changes: Changes,
}

impl<'a> Reader<'a> {
    /// Creates a reader of `tops`. `total` is their size, from which the progress is computed; without it no progress is
    /// shown. The contents of a source without a name are at the top of the archive.
    pub(super) fn new(
        context: &'a Context,
        roots: &'a Roots,
        prune: &'a dyn Fn(&Path) -> bool,
        tops: &'a [Top],
        total: Option<Totals>,
    ) -> Self {
        Self {
            context,
            roots,
            prune,
            tops: tops.iter(),
            walk: None,
            reading: None,
            done: Totals::default(),
            total,
            skipped: Skipped::default(),
            changes: Changes::default(),
        }
    }

    /// The entries that were skipped.
    pub(super) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The files that changed their length while they were read.
    pub(super) fn changes(&self) -> Changes {
        self.changes
    }

    /// Fills an empty block. It stays empty at the end of the sources.
    ///
    /// # Errors
    /// [`OperationError::Canceled`] if the attempt was asked to stop, [`OperationError::Failed`] if a source cannot be read.
    pub(super) fn fill(&mut self, block: &mut Block) -> Result<(), OperationError> {
        if let Some(reading) = &self.reading {
            block.set_dictionary(&reading.dictionary);
        }
        loop {
            self.context.check()?;
            if self.reading.is_some() {
                self.read(block)?;
            }
            if block.is_full() {
                return Ok(());
            }
            let Some((found, name)) = self.next()? else {
                return Ok(());
            };
            self.done.entries += 1;
            if let Some(total) = self.total {
                let total = total.entries.max(self.done.entries);
                self.context.set_stage(&name, self.done.entries, total);
            }
            let metadata = found.metadata.clone();
            match &found.kind {
                Kind::Folder => block
                    .entries
                    .push_back(BlockEntry::Folder(EntryHeader { name, metadata })),
                Kind::Link(target) => {
                    let target = target.as_os_str().as_encoded_bytes().to_owned();
                    block
                        .entries
                        .push_back(BlockEntry::Link(EntryHeader { name, metadata }, target));
                }
                Kind::File => {
                    self.open(&found, name)?;
                    // Start a new block rather than cutting a file at the end of this one.
                    let length = self.reading.as_ref().map_or(0, |reading| reading.length);
                    if !block.is_empty() && length > block.room() as u64 {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn open(&mut self, found: &Found, name: String) -> Result<(), OperationError> {
        let (walker, _) = self
            .walk
            .as_mut()
            .expect("the walk that found the file is current");
        if let Some((file, metadata)) = walker.open(found)? {
            self.reading = Some(OpenFile {
                file,
                length: metadata.len(),
                read: 0,
                head: Some(EntryHeader {
                    name: name.clone(),
                    metadata,
                }),
                name,
                path: walker.path_of(&found.path),
                dictionary: Vec::new(),
            });
        }
        Ok(())
    }

    /// Reads the next bytes of the current file.
    fn read(&mut self, block: &mut Block) -> Result<(), OperationError> {
        let Some(reading) = &mut self.reading else {
            return Ok(());
        };
        let head = reading.head.take();
        let left = reading.length - reading.read;
        let (read, last) = block
            .read(head, &mut reading.file, left, &mut reading.dictionary)
            .map_err(|error| unreadable(&reading.path, &error))?;
        reading.read += read;
        self.done.bytes += read;
        if let Some(total) = self.total {
            self.context.set_bytes(self.done.bytes, Some(total.bytes));
        }
        if last && let Some(mut reading) = self.reading.take() {
            let change = Change::find(&mut reading.file, reading.length, reading.read)
                .map_err(|error| unreadable(&reading.path, &error))?;
            if let Some(change) = change {
                let sizes = (reading.length, reading.read);
                self.changes
                    .note(self.context, &reading.name, change, sizes);
            }
        }
        Ok(())
    }

    /// The next entry and its name in the archive.
    fn next(&mut self) -> Result<Option<(Found, String)>, OperationError> {
        loop {
            if let Some((walker, top)) = &mut self.walk {
                if let Some(found) = walker.next()? {
                    if top.is_empty() && found.path.as_os_str().is_empty() {
                        continue;
                    }
                    let name = entry_name(top, &found.path);
                    if name.len() > NAME_BYTES {
                        let start: String = name.chars().take(100).collect();
                        let message = format!(
                            "The path {start}... is longer than {NAME_BYTES} bytes, the limit of ZIP archives."
                        );
                        return Err(Failure::new("over_limit", message).into());
                    }
                    return Ok(Some((found, name)));
                }
                self.skipped.add(walker.skipped());
                self.walk = None;
            }
            let Some(top) = self.tops.next() else {
                return Ok(None);
            };
            let source = Source::open(self.roots, &top.path)?;
            let walker = Walker::new(self.context, source, self.prune);
            self.walk = Some((walker, &top.name));
        }
    }
}

/// The path of an entry in the archive, in UTF-8 with `/` between the parts. Backslashes are replaced, because many readers
/// take them for separators, and a name could then lead out of the target folder.
fn entry_name(top: &str, path: &Path) -> String {
    let mut name = top.replace('\\', "_");
    for part in path {
        if !name.is_empty() {
            name.push('/');
        }
        name.push_str(&part.to_string_lossy().replace('\\', "_"));
    }
    name
}
