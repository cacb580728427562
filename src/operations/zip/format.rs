//! The ZIP format (PKWARE's APPNOTE 6.3): an archive as it is written, entry after entry, without seeking back.
//!
//! The sizes and the checksum of an entry stand in its local header wherever they are known before it is written: a
//! reader that streams finds the end of a stored entry only there. Only an entry whose bytes are still being made has
//! them behind its data, in a data descriptor, and it is always deflated, which marks its own end.

use std::io::{self, Write};

use crate::operations::zip::extra_field::{put_field, put16};
use crate::operations::zip::moment::Moment;

/// Deflate, and UTF-8 names.
const VERSION: u16 = 20;
const VERSION_ZIP64: u16 = 45;
/// Made on Unix: the upper half of the external attributes is a mode.
const MADE_ON_UNIX: u16 = 3 << 8;
/// The external attributes' mark of a folder in MS-DOS.
const DOS_FOLDER: u32 = 0x10;

const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_UTF8: u16 = 1 << 11;

const LOCAL_HEADER: u32 = 0x0403_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END64: u32 = 0x0606_4b50;
const END64_LOCATOR: u32 = 0x0706_4b50;
const END: u32 = 0x0605_4b50;

const ZIP64_FIELD: u16 = 1;
/// Stands for a number that is in the Zip64 field.
const IN_ZIP64: u32 = u32::MAX;

/// How an entry's bytes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Stored,
    Deflated,
}

impl Method {
    fn number(self) -> u16 {
        match self {
            Self::Stored => 0,
            Self::Deflated => 8,
        }
    }
}

/// What an entry is called, and what is said of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// In UTF-8, of at most 65535 bytes; a folder's ends with `/`.
    pub(super) name: &'a str,
    /// As `st_mode` has it, with the type.
    pub(super) mode: u32,
    pub(super) modified: Moment,
}

/// An entry's length and checksum.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    pub(super) crc: u32,
    /// In the archive.
    pub(super) packed: u64,
    /// Of the file.
    size: u64,
}

/// An archive that is being written.
pub(super) struct Archive<W> {
    writer: W,
    offset: u64,
    /// The headers for the end.
    directory: Vec<u8>,
    entries: u64,
}

/// An entry whose bytes are still coming.
pub(super) struct Streamed<'a> {
    entry: Entry<'a>,
    is_zip64: bool,
    header_at: u64,
    data_at: u64,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(writer: W) -> Self {
        Self {
            writer,
            offset: 0,
            directory: Vec::new(),
            entries: 0,
        }
    }

    /// Adds an entry of less than 4 GiB whose bytes are at hand. `crc` and `size` are those of the file.
    pub(super) fn add(
        &mut self,
        entry: Entry<'_>,
        method: Method,
        (crc, size): (u32, u32),
        bytes: &[u8],
    ) -> io::Result<()> {
        let sizes = Sizes {
            crc,
            packed: bytes.len() as u64,
            size: size.into(),
        };
        let header = Header {
            entry,
            method,
            flags: 0,
            is_zip64: false,
            sizes,
        };
        let header_at = self.offset;
        self.write(&header.local())?;
        self.write(bytes)?;
        self.list(&header, header_at);
        Ok(())
    }

    /// Begins an entry of about `expected` bytes, to be deflated and to be given to [`Archive::append`].
    pub(super) fn begin<'a>(
        &mut self,
        entry: Entry<'a>,
        expected: u64,
    ) -> io::Result<Streamed<'a>> {
        // Bytes that cannot be made fewer become up to a thousandth more.
        let is_zip64 = expected + expected / 1024 >= IN_ZIP64.into();
        let header = Header::streamed(entry, is_zip64, Sizes::default());
        let header_at = self.offset;
        self.write(&header.local())?;
        Ok(Streamed {
            entry,
            is_zip64,
            header_at,
            data_at: self.offset,
        })
    }

    /// Writes more of an entry's deflated bytes; only between its begin and its end.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)
    }

    /// Ends an entry with the checksum and the length of what was deflated.
    pub(super) fn end(&mut self, streamed: &Streamed<'_>, crc: u32, size: u64) -> io::Result<()> {
        let packed = self.offset - streamed.data_at;
        let sizes = Sizes { crc, packed, size };
        let mut descriptor = Vec::with_capacity(24);
        put32(&mut descriptor, DESCRIPTOR);
        put32(&mut descriptor, crc);
        for size in [packed, size] {
            if streamed.is_zip64 {
                put64(&mut descriptor, size);
            } else {
                let size = u32::try_from(size).map_err(|_| {
                    io::Error::other("a file became longer than 4 GiB while it was compressed")
                })?;
                put32(&mut descriptor, size);
            }
        }
        self.write(&descriptor)?;
        let header = Header::streamed(streamed.entry, streamed.is_zip64, sizes);
        self.list(&header, streamed.header_at);
        Ok(())
    }

    /// Writes what comes behind the last entry.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let at = self.offset;
        let directory = std::mem::take(&mut self.directory);
        self.write(&directory)?;
        let length = self.offset - at;
        let mut end = Vec::new();
        let needs_zip64 =
            self.entries >= u16::MAX.into() || length >= IN_ZIP64.into() || at >= IN_ZIP64.into();
        if needs_zip64 {
            put32(&mut end, END64);
            // The length of what follows.
            put64(&mut end, 44);
            put16(&mut end, MADE_ON_UNIX | VERSION_ZIP64);
            put16(&mut end, VERSION_ZIP64);
            // The number of this disk, and of the one where the directory is.
            put64(&mut end, 0);
            for number in [self.entries, self.entries, length, at] {
                put64(&mut end, number);
            }
            put32(&mut end, END64_LOCATOR);
            put32(&mut end, 0);
            put64(&mut end, self.offset);
            // Disks in all.
            put32(&mut end, 1);
        }
        let entries = u16::try_from(self.entries).unwrap_or(u16::MAX);
        put32(&mut end, END);
        put32(&mut end, 0);
        put16(&mut end, entries);
        put16(&mut end, entries);
        put32(&mut end, u32::try_from(length).unwrap_or(IN_ZIP64));
        put32(&mut end, u32::try_from(at).unwrap_or(IN_ZIP64));
        // No comment.
        put16(&mut end, 0);
        self.write(&end)?;
        self.writer.flush()
    }

    fn list(&mut self, header: &Header<'_>, at: u64) {
        header.central(at, &mut self.directory);
        self.entries += 1;
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.offset += bytes.len() as u64;
        Ok(())
    }
}

/// What both of an entry's headers say.
struct Header<'a> {
    entry: Entry<'a>,
    method: Method,
    flags: u16,
    is_zip64: bool,
    sizes: Sizes,
}

impl<'a> Header<'a> {
    fn streamed(entry: Entry<'a>, is_zip64: bool, sizes: Sizes) -> Self {
        Self {
            entry,
            method: Method::Deflated,
            flags: FLAG_DESCRIPTOR,
            is_zip64,
            sizes,
        }
    }

    /// The one before the data.
    fn local(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        let mut sizes = [self.sizes.packed, self.sizes.size].map(short);
        if self.is_zip64 {
            // Says that the data descriptor's sizes have 8 bytes each.
            put_field(&mut fields, ZIP64_FIELD, &[0; 16]);
            sizes = [IN_ZIP64; 2];
        }
        self.entry.modified.put_fields(&mut fields);
        let mut header = Vec::with_capacity(30 + self.entry.name.len() + fields.len());
        put32(&mut header, LOCAL_HEADER);
        self.put_common(&mut header, self.is_zip64, sizes, fields.len());
        header.extend_from_slice(self.entry.name.as_bytes());
        header.extend_from_slice(&fields);
        header
    }

    /// The one in the directory, for data whose local header is `at` this offset.
    fn central(&self, at: u64, directory: &mut Vec<u8>) {
        let mut large = Vec::new();
        for number in [self.sizes.size, self.sizes.packed, at] {
            if number >= IN_ZIP64.into() {
                put64(&mut large, number);
            }
        }
        let mut fields = Vec::new();
        if !large.is_empty() {
            put_field(&mut fields, ZIP64_FIELD, &large);
        }
        self.entry.modified.put_fields(&mut fields);
        let is_zip64 = self.is_zip64 || !large.is_empty();
        put32(directory, CENTRAL_HEADER);
        let version = if is_zip64 { VERSION_ZIP64 } else { VERSION };
        put16(directory, MADE_ON_UNIX | version);
        let sizes = [self.sizes.packed, self.sizes.size].map(short);
        self.put_common(directory, is_zip64, sizes, fields.len());
        // No comment, the first disk, no internal attributes.
        directory.extend_from_slice(&[0; 6]);
        let is_folder = self.entry.name.ends_with('/');
        let dos = if is_folder { DOS_FOLDER } else { 0 };
        put32(directory, self.entry.mode << 16 | dos);
        put32(directory, short(at));
        directory.extend_from_slice(self.entry.name.as_bytes());
        directory.extend_from_slice(&fields);
    }

    /// What is alike in both headers.
    fn put_common(
        &self,
        header: &mut Vec<u8>,
        is_zip64: bool,
        [packed, size]: [u32; 2],
        fields: usize,
    ) {
        let name = self.entry.name;
        let length =
            u16::try_from(name.len()).expect("longer names are refused when they are found");
        let utf8 = if name.is_ascii() { 0 } else { FLAG_UTF8 };
        put16(header, if is_zip64 { VERSION_ZIP64 } else { VERSION });
        put16(header, self.flags | utf8);
        put16(header, self.method.number());
        let (date, time) = self.entry.modified.in_dos();
        put16(header, time);
        put16(header, date);
        put32(header, self.sizes.crc);
        put32(header, packed);
        put32(header, size);
        put16(header, length);
        put16(
            header,
            u16::try_from(fields).expect("the fields have a few dozen bytes"),
        );
    }
}

/// A number as the 32 bits have it.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_ZIP64)
}

fn put32(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put64(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}
