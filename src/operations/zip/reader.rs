//! Walks the sources and reads them into units. Shows progress as it goes.

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

/// The longest name of an entry, in bytes, without the slash at the end of a folder's.
const NAME_BYTES: usize = u16::MAX as usize - 1;

/// How much there is.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) entries: u64,
    pub(super) bytes: u64,
}

/// A file that is being read.
struct Reading {
    file: File,
    /// In the archive.
    name: String,
    /// As the job's params have it.
    path: String,
    /// When it was opened; no more is read.
    length: u64,
    read: u64,
    /// Until its first piece has taken it along.
    head: Option<EntryHeader>,
    /// The end of the piece before.
    dictionary: Vec<u8>,
}

/// The reader.
pub(super) struct Reader<'a> {
    context: &'a Context,
    roots: &'a Roots,
    prune: &'a dyn Fn(&Path) -> bool,
    tops: std::slice::Iter<'a, Top>,
    walk: Option<(Walker<'a>, &'a str)>,
    reading: Option<Reading>,
    done: Tally,
    total: Option<Tally>,
    skipped: Skipped,
    changes: Changes,
}

impl<'a> Reader<'a> {
    /// Will read `total` below `tops`, but for what changes meanwhile. Without a total no progress is shown. What is
    /// in a top without a name is at the top itself.
    pub(super) fn new(
        context: &'a Context,
        roots: &'a Roots,
        prune: &'a dyn Fn(&Path) -> bool,
        tops: &'a [Top],
        total: Option<Tally>,
    ) -> Self {
        Self {
            context,
            roots,
            prune,
            tops: tops.iter(),
            walk: None,
            reading: None,
            done: Tally::default(),
            total,
            skipped: Skipped::default(),
            changes: Changes::default(),
        }
    }

    /// What was left out.
    pub(super) fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// The files that changed their length while they were read.
    pub(super) fn changes(&self) -> Changes {
        self.changes
    }

    /// Fills a unit that is clear. It stays empty at the end.
    ///
    /// # Errors
    /// A cancel, or what is wrong with a source.
    pub(super) fn fill(&mut self, unit: &mut Block) -> Result<(), OperationError> {
        if let Some(reading) = &self.reading {
            unit.set_dictionary(&reading.dictionary);
        }
        loop {
            self.context.check()?;
            if self.reading.is_some() {
                self.read(unit)?;
            }
            if unit.is_full() {
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
                Kind::Folder => unit
                    .parts
                    .push_back(BlockEntry::Folder(EntryHeader { name, metadata })),
                Kind::Link(target) => {
                    let target = target.as_os_str().as_encoded_bytes().to_owned();
                    unit.parts
                        .push_back(BlockEntry::Link(EntryHeader { name, metadata }, target));
                }
                Kind::File => {
                    self.open(&found, name)?;
                    // A file that fits one block is not cut; one that does not wastes no room of this one.
                    let length = self.reading.as_ref().map_or(0, |reading| reading.length);
                    if !unit.is_empty() && length > unit.room() as u64 {
                        return Ok(());
                    }
                }
            }
        }
    }

    fn open(&mut self, found: &Found, name: String) -> Result<(), OperationError> {
        let (walker, _) = self.walk.as_mut().expect("the file was found by it");
        if let Some((file, metadata)) = walker.open(found)? {
            self.reading = Some(Reading {
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

    /// Reads on in the current file.
    fn read(&mut self, unit: &mut Block) -> Result<(), OperationError> {
        let Some(reading) = &mut self.reading else {
            return Ok(());
        };
        let head = reading.head.take();
        let left = reading.length - reading.read;
        let (read, last) = unit
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
                            "The path {start}... is longer than the {NAME_BYTES} bytes that it may have in a ZIP archive."
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

/// Names in archives are UTF-8 with `/` between the parts. A backslash would be taken for another `/` by many readers,
/// and could lead them anywhere.
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
