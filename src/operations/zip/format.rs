//! Writes the ZIP format (PKWARE's APPNOTE 6.3), entry after entry, without seeking back.
//!
//! The sizes and the checksum of an entry are in its local header if they are known before the entry is written, because
//! a streaming reader finds the end of a stored entry only by its size. The sizes of a streamed entry follow its data in a
//! data descriptor. Streamed entries are always deflated, and deflate marks its own end.

use std::io::{self, Write};

use crate::operations::zip::extra_field::{put_field, put16};
use crate::operations::zip::timestamp::Timestamp;

/// The version needed to extract deflated entries.
const VERSION: u16 = 20;
/// The version needed to extract Zip64 entries.
const VERSION_ZIP64: u16 = 45;
/// "Made by Unix": the upper half of the external attributes is a mode.
const MADE_ON_UNIX: u16 = 3 << 8;
/// The MS-DOS folder flag in the external attributes.
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
/// The placeholder for a number that is in the Zip64 field.
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

/// The name and the attributes of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// The path in the archive, at most 65535 bytes. That of a folder ends with `/`.
    pub(super) name: &'a str,
    /// The mode with the file type, as in `st_mode`.
    pub(super) mode: u32,
    pub(super) modified: Timestamp,
}

/// The checksum and the lengths of an entry.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    crc: u32,
    /// The length in the archive, in bytes.
    packed: u64,
    /// The length of the file, in bytes.
    size: u64,
}

/// An archive that is being written.
pub(super) struct Archive<W> {
    writer: W,
    offset: u64,
    /// The central headers, which follow the last entry.
    directory: Vec<u8>,
    entries: u64,
}

/// An entry that is being streamed.
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

    /// Adds a complete entry of less than 4 GiB. `crc` and `size` are those of the uncompressed bytes.
    ///
    /// # Errors
    /// The I/O error of the writer.
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

    /// Begins a streamed entry of about `expected` bytes. Its deflated bytes follow with [`Archive::append`].
    ///
    /// # Errors
    /// The I/O error of the writer.
    pub(super) fn begin<'a>(
        &mut self,
        entry: Entry<'a>,
        expected: u64,
    ) -> io::Result<Streamed<'a>> {
        // Incompressible bytes grow by up to a thousandth.
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

    /// Writes the next deflated bytes of the entry that has begun and not ended.
    ///
    /// # Errors
    /// The I/O error of the writer.
    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write(bytes)
    }

    /// Ends a streamed entry with the checksum and the length of its uncompressed bytes.
    ///
    /// # Errors
    /// The I/O error of the writer, or an error if an entry that was begun without Zip64 became longer than 4 GiB.
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

    /// Writes the central directory and the end records.
    ///
    /// # Errors
    /// The I/O error of the writer.
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
            // The length of the rest of this record.
            put64(&mut end, 44);
            put16(&mut end, MADE_ON_UNIX | VERSION_ZIP64);
            put16(&mut end, VERSION_ZIP64);
            // The number of this disk, and of the disk with the central directory.
            put64(&mut end, 0);
            for number in [self.entries, self.entries, length, at] {
                put64(&mut end, number);
            }
            put32(&mut end, END64_LOCATOR);
            put32(&mut end, 0);
            put64(&mut end, self.offset);
            // The number of disks.
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

/// The contents of an entry's local and central headers.
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

    /// The local header, which precedes the data.
    fn local(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        let mut sizes = [self.sizes.packed, self.sizes.size].map(short);
        if self.is_zip64 {
            // The field means that the sizes in the data descriptor have 8 bytes each.
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

    /// Appends the central header. `at` is the offset of the local header.
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

    /// Appends the fields that both headers have.
    fn put_common(
        &self,
        header: &mut Vec<u8>,
        is_zip64: bool,
        [packed, size]: [u32; 2],
        fields: usize,
    ) {
        let name = self.entry.name;
        let length = u16::try_from(name.len()).expect("the reader rejects longer names");
        let utf8 = if name.is_ascii() { 0 } else { FLAG_UTF8 };
        put16(header, if is_zip64 { VERSION_ZIP64 } else { VERSION });
        put16(header, self.flags | utf8);
        put16(header, self.method.number());
        let (date, time) = self.entry.modified.to_dos();
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

/// The number in 32 bits, or the Zip64 placeholder.
fn short(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(IN_ZIP64)
}

fn put32(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put64(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_le_bytes());
}
