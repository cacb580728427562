//! Writes compressed blocks as an archive.

use std::io::Write;
use std::time::UNIX_EPOCH;

use cap_std::fs::Metadata;

use crate::operations::OperationError;
use crate::operations::zip::block::{Block, BlockEntry, EntryHeader, Piece};
use crate::operations::zip::format::{Archive, Entry, Method};
use crate::operations::zip::timestamp::Timestamp;
use crate::operations::zip::workers::Workers;

/// The mode of a symbolic link: its type, and permissions, which readers ignore.
const LINK_MODE: u32 = 0o120_777;

/// Writes all blocks of the workers.
///
/// # Errors
/// The errors of [`Workers::next`], and [`OperationError::Failed`] if the archive cannot be written.
pub(super) fn write(
    writer: impl Write,
    workers: &mut Workers<'_, '_>,
) -> Result<(), OperationError> {
    let mut archive = Archive::new(writer);
    let mut entries = Entries {
        workers,
        block: Block::default(),
    };
    while let Some(block_entry) = entries.next()? {
        match block_entry {
            BlockEntry::Folder(head) => {
                let name = format!("{}/", head.name);
                let folder = Entry {
                    name: &name,
                    ..entry(&head)
                };
                archive.add(folder, Method::Stored, (0, 0), &[])?;
            }
            BlockEntry::Link(head, target) => {
                let link = Entry {
                    mode: LINK_MODE,
                    ..entry(&head)
                };
                let size = u32::try_from(target.len())
                    .expect("link targets are limited to a few kilobytes");
                let crc = crc32fast::hash(&target);
                archive.add(link, Method::Stored, (crc, size), &target)?;
            }
            BlockEntry::File(piece) if piece.last => {
                let head = piece
                    .head
                    .as_ref()
                    .expect("the first piece of a file has a header");
                let size = u32::try_from(piece.size()).expect("a piece is at most a block");
                let (crc, bytes) = (piece.crc, entries.block.bytes(&piece));
                archive.add(entry(head), piece.method, (crc, size), bytes)?;
            }
            BlockEntry::File(piece) => write_long(&mut archive, piece, &mut entries)?,
        }
    }
    archive.finish()?;
    Ok(())
}

/// Writes a file that begins with this piece and continues in the next blocks.
fn write_long<W: Write>(
    archive: &mut Archive<W>,
    mut piece: Piece,
    entries: &mut Entries<'_, '_, '_>,
) -> Result<(), OperationError> {
    let head = piece
        .head
        .take()
        .expect("the first piece of a file has a header");
    let streamed = archive.begin(entry(&head), head.metadata.len())?;
    let mut crc = crc32fast::Hasher::new();
    let mut size = 0;
    loop {
        archive.append(entries.block.bytes(&piece))?;
        crc.combine(&crc32fast::Hasher::new_with_initial_len(
            piece.crc,
            piece.size(),
        ));
        size += piece.size();
        if piece.last {
            break;
        }
        let Some(BlockEntry::File(next)) = entries.next()? else {
            unreachable!("a file continues in the next block until its last piece")
        };
        piece = next;
    }
    archive.end(&streamed, crc.finalize(), size)?;
    Ok(())
}

/// Iterates over the entries of all blocks.
struct Entries<'a, 'scope, 'env> {
    workers: &'a mut Workers<'scope, 'env>,
    /// The block of the last entry.
    block: Block,
}

impl Entries<'_, '_, '_> {
    fn next(&mut self) -> Result<Option<BlockEntry>, OperationError> {
        if let Some(block_entry) = self.block.entries.pop_front() {
            return Ok(Some(block_entry));
        }
        self.workers.recycle(std::mem::take(&mut self.block));
        let Some(block) = self.workers.next()? else {
            return Ok(None);
        };
        self.block = block;
        Ok(self.block.entries.pop_front())
    }
}

fn entry(head: &EntryHeader) -> Entry<'_> {
    let modified = head.metadata.modified();
    Entry {
        name: &head.name,
        mode: unix_mode(&head.metadata),
        modified: Timestamp::of(modified.map_or(UNIX_EPOCH, cap_std::time::SystemTime::into_std)),
    }
}

fn unix_mode(metadata: &Metadata) -> u32 {
    #[cfg(unix)]
    return cap_std::fs::MetadataExt::mode(metadata);
    #[cfg(not(unix))]
    return if metadata.is_dir() {
        0o040_755
    } else {
        0o100_644
    };
}
