//! Writes units as an archive. Sizes and checksums follow each file's data (data descriptors), so they are those of
//! what was really read.

use std::borrow::Cow;
use std::error::Error;
use std::io::{self, Write};
use std::time::UNIX_EPOCH;

use cap_std::fs::Metadata;
use rawzip::extra_fields::ExtraFieldId;
use rawzip::path::EntryPath;
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, DataDescriptorOutput, Header, ZipArchiveWriter, ZipFileBuilder};

use super::crew::Crew;
use super::unit::{Form, Head, Part, Piece, Unit};
use crate::operations::Stop;

/// A symbolic link's type, and permissions that nobody looks at.
const LINK_MODE: u32 = 0o120_777;
/// Info-ZIP's Unicode path (APPNOTE 4.6.9).
const UNICODE_PATH: ExtraFieldId = ExtraFieldId::new(0x7075);

/// Writes all that the crew hands out.
///
/// # Errors
/// The crew's, and what the disk says.
pub(super) fn write(writer: impl Write, crew: &mut Crew<'_, '_>) -> Result<(), Stop> {
    let mut zip = ZipArchiveWriter::new(writer);
    let mut parts = Parts {
        crew,
        unit: Unit::default(),
    };
    while let Some(part) = parts.next()? {
        match part {
            Part::Folder(head) => {
                let name = format!("{}/", head.name);
                let mode = unix_mode(&head.metadata);
                let time = modified(&head.metadata);
                let folder = zip.new_dir(path(&name)).last_modified(time);
                let folder = match unicode_path(&name) {
                    Some(field) => folder.extra_field(UNICODE_PATH, &field, Header::default()),
                    None => Ok(folder),
                };
                let folder = folder.map_err(to_io)?.unix_permissions(mode);
                folder.create().map_err(to_io)?;
            }
            Part::Link(head, target) => {
                let crc = crc32fast::hash(&target);
                let link = begin(&mut zip, &head)?.unix_permissions(LINK_MODE);
                let (mut entry, _) = link.start().map_err(to_io)?;
                entry.write_all(&target)?;
                let size = target.len() as u64;
                let end = DataDescriptorOutput::new(crc, size);
                entry.finish(end).map_err(to_io)?;
            }
            Part::File(piece) => write_file(&mut zip, piece, &mut parts)?,
        }
    }
    zip.finish().map_err(to_io)?;
    Ok(())
}

fn write_file<W: Write>(
    zip: &mut ZipArchiveWriter<W>,
    mut piece: Piece,
    parts: &mut Parts<'_, '_, '_>,
) -> Result<(), Stop> {
    let head = piece.head.take().expect("a file's first piece has one");
    // What is cut is deflated throughout, unless nothing is.
    let method = match piece.form {
        Form::Stored => CompressionMethod::STORE,
        Form::Deflated => CompressionMethod::DEFLATE,
    };
    let file = begin(zip, &head)?
        .unix_permissions(unix_mode(&head.metadata))
        .compression_method(method);
    let (mut entry, _) = file.start().map_err(to_io)?;
    let mut crc = crc32fast::Hasher::new();
    let mut size = 0;
    loop {
        entry.write_all(parts.unit.bytes(&piece))?;
        crc.combine(&crc32fast::Hasher::new_with_initial_len(
            piece.crc,
            piece.size(),
        ));
        size += piece.size();
        if piece.last {
            break;
        }
        let Some(Part::File(next)) = parts.next()? else {
            unreachable!("a file goes on in the next unit until its last piece")
        };
        piece = next;
    }
    let end = DataDescriptorOutput::new(crc.finalize(), size);
    entry.finish(end).map_err(to_io)?;
    Ok(())
}

/// All parts of all units, one after the other.
struct Parts<'a, 'scope, 'env> {
    crew: &'a mut Crew<'scope, 'env>,
    /// The one that the last part is from.
    unit: Unit,
}

impl Parts<'_, '_, '_> {
    fn next(&mut self) -> Result<Option<Part>, Stop> {
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

fn begin<'a, 'n, W: Write>(
    zip: &'a mut ZipArchiveWriter<W>,
    head: &'n Head,
) -> Result<ZipFileBuilder<'a, 'n, W>, Stop> {
    let file = zip
        .new_file(path(&head.name))
        .last_modified(modified(&head.metadata));
    let Some(field) = unicode_path(&head.name) else {
        return Ok(file);
    };
    let file = file.extra_field(UNICODE_PATH, &field, Header::default());
    Ok(file.map_err(to_io)?)
}

/// The name for the header. The archive writer takes what is before a colon for a drive and cuts it off, so such names
/// go past it, and past its UTF-8 flag too.
fn path(name: &str) -> EntryPath<'_> {
    if name.contains(':') {
        EntryPath::verbatim(name.as_bytes())
    } else {
        EntryPath::conformant(Cow::Borrowed(name))
    }
}

/// Says in a field of its own that a name is UTF-8 where the flag cannot.
fn unicode_path(name: &str) -> Option<Vec<u8>> {
    if name.is_ascii() || !name.contains(':') {
        return None;
    }
    let checksum = crc32fast::hash(name.as_bytes()).to_le_bytes();
    Some([&[1], checksum.as_slice(), name.as_bytes()].concat())
}

fn modified(metadata: &Metadata) -> UtcDateTime {
    let since_epoch = metadata
        .modified()
        .ok()
        .and_then(|t| t.into_std().duration_since(UNIX_EPOCH).ok());
    UtcDateTime::from_unix(since_epoch.map_or(0, |t| t.as_secs() as i64))
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

/// The kind is kept, which tells a full disk.
fn to_io(error: rawzip::Error) -> io::Error {
    let inner = error
        .source()
        .and_then(|error| error.downcast_ref::<io::Error>());
    let kind = inner.map_or(io::ErrorKind::Other, io::Error::kind);
    io::Error::new(kind, error)
}
