//! Writes units as an archive.

use std::io::Write;
use std::time::UNIX_EPOCH;

use cap_std::fs::Metadata;

use crate::operations::OperationError;
use crate::operations::zip::block::{Block, BlockEntry, EntryHeader, Piece};
use crate::operations::zip::format::{Archive, Entry, Method};
use crate::operations::zip::moment::Moment;
use crate::operations::zip::workers::Workers;

/// A symbolic link's type, and permissions that nobody looks at.
const LINK_MODE: u32 = 0o120_777;

/// Writes all that the crew hands out.
///
/// # Errors
/// The crew's, and what the disk says.
pub(super) fn write(writer: impl Write, crew: &mut Workers<'_, '_>) -> Result<(), OperationError> {
    let mut archive = Archive::new(writer);
    let mut parts = Parts {
        crew,
        unit: Block::default(),
    };
    while let Some(part) = parts.next()? {
        match part {
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
                let size = u32::try_from(target.len()).expect("the system takes shorter ones only");
                let crc = crc32fast::hash(&target);
                archive.add(link, Method::Stored, (crc, size), &target)?;
            }
            BlockEntry::File(piece) if piece.last => {
                let head = piece
                    .head
                    .as_ref()
                    .expect("a file that begins here has one");
                let size = u32::try_from(piece.size()).expect("it is at most a block");
                let (crc, bytes) = (piece.crc, parts.unit.bytes(&piece));
                archive.add(entry(head), piece.method, (crc, size), bytes)?;
            }
            BlockEntry::File(piece) => write_long(&mut archive, piece, &mut parts)?,
        }
    }
    archive.finish()?;
    Ok(())
}

/// Writes a file that begins with this piece, and goes on in units that are not read yet.
fn write_long<W: Write>(
    archive: &mut Archive<W>,
    mut piece: Piece,
    parts: &mut Parts<'_, '_, '_>,
) -> Result<(), OperationError> {
    let head = piece.head.take().expect("a file's first piece has one");
    let streamed = archive.begin(entry(&head), head.metadata.len())?;
    let mut crc = crc32fast::Hasher::new();
    let mut size = 0;
    loop {
        archive.append(parts.unit.bytes(&piece))?;
        crc.combine(&crc32fast::Hasher::new_with_initial_len(
            piece.crc,
            piece.size(),
        ));
        size += piece.size();
        if piece.last {
            break;
        }
        let Some(BlockEntry::File(next)) = parts.next()? else {
            unreachable!("a file goes on in the next unit until its last piece")
        };
        piece = next;
    }
    archive.end(&streamed, crc.finalize(), size)?;
    Ok(())
}

/// All parts of all units, one after the other.
struct Parts<'a, 'scope, 'env> {
    crew: &'a mut Workers<'scope, 'env>,
    /// The one that the last part is from.
    unit: Block,
}

impl Parts<'_, '_, '_> {
    fn next(&mut self) -> Result<Option<BlockEntry>, OperationError> {
        if let Some(part) = self.unit.parts.pop_front() {
            return Ok(Some(part));
        }
        self.crew.recycle(std::mem::take(&mut self.unit));
        let Some(unit) = self.crew.next()? else {
            return Ok(None);
        };
        self.unit = unit;
        Ok(self.unit.parts.pop_front())
    }
}

fn entry(head: &EntryHeader) -> Entry<'_> {
    let modified = head.metadata.modified();
    Entry {
        name: &head.name,
        mode: unix_mode(&head.metadata),
        modified: Moment::of(modified.map_or(UNIX_EPOCH, cap_std::time::SystemTime::into_std)),
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
