//! What goes from the reader to a helper and from there to the writer: up to one block of data, cut from one long
//! file or put together from short ones, and the compressed form of it.
//!
//! A long file's blocks are compressed on their own, each with the 32 KiB before it as dictionary and up to a byte
//! boundary, so that they can be joined to one deflate stream (as pigz does).

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use cap_std::fs::Metadata;
use flate2::{Compress, FlushCompress, Status};

use crate::operations::zip::format::Method;

/// Data in a unit. Larger ones compress no better; smaller ones pay for the empty block at their end.
const BLOCK_BYTES: usize = 256 * 1024;
/// As far as deflate looks back.
const DICTIONARY_BYTES: usize = 32 * 1024;
/// Entries in a unit, so that many empty ones do not take much memory.
const PARTS: usize = 256;

/// An entry's name and what its header says.
pub(super) struct EntryHeader {
    /// Below the archive's top; a folder's without the `/` at its end.
    pub(super) name: String,
    pub(super) metadata: Metadata,
}

/// A step in the making of an archive.
pub(super) enum BlockEntry {
    Folder(EntryHeader),
    /// With what the link says.
    Link(EntryHeader, Vec<u8>),
    File(Piece),
}

/// The data of one file in a unit.
pub(super) struct Piece {
    /// None if the file began in an earlier unit.
    pub(super) head: Option<EntryHeader>,
    /// Nothing of the file follows.
    pub(super) last: bool,
    pub(super) crc: u32,
    /// How the bytes are written. A file of several pieces is deflated, even at level 0: the end of what is stored can be
    /// found only by a length that stands before it, and nobody knows what a file will still have when it is read.
    pub(super) method: Method,
    data: Range<usize>,
    packed: Range<usize>,
}

impl Piece {
    /// How many bytes of the file these are.
    pub(super) fn size(&self) -> u64 {
        self.data.len() as u64
    }
}

/// A block of work. Used again and again, so that its buffers are allocated once.
#[derive(Default)]
pub(super) struct Block {
    pub(super) parts: VecDeque<BlockEntry>,
    /// Where the dictionary ends and new data begins.
    fresh: usize,
    data: Vec<u8>,
    packed: Vec<u8>,
}

impl Block {
    /// Empties it, for use again.
    pub(super) fn clear(&mut self) {
        self.parts.clear();
        self.data.clear();
        self.packed.clear();
        self.fresh = 0;
    }

    /// Begins with the end of what was read of a file before.
    pub(super) fn set_dictionary(&mut self, dictionary: &[u8]) {
        self.data.extend_from_slice(dictionary);
        self.fresh = dictionary.len();
    }

    /// How many bytes still fit.
    pub(super) fn room(&self) -> usize {
        (self.fresh + BLOCK_BYTES).saturating_sub(self.data.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.room() == 0 || self.parts.len() >= PARTS
    }

    /// Reads up to `left` bytes of a file, until its end or until the unit is full; gives how many bytes that were and
    /// whether they were the last, and keeps the end of them in `dictionary` if not.
    pub(super) fn read(
        &mut self,
        head: Option<EntryHeader>,
        file: &mut impl Read,
        left: u64,
        dictionary: &mut Vec<u8>,
    ) -> io::Result<(u64, bool)> {
        let wanted = left.min(self.room() as u64);
        let start = self.data.len();
        // Exact, or doubling would make twice of it; a few bytes more, into which the end of a file is looked for.
        let most = DICTIONARY_BYTES + BLOCK_BYTES + 64;
        self.data.reserve_exact(most - start);
        let read = file.take(wanted).read_to_end(&mut self.data)?;
        let last = wanted == left || (read as u64) < wanted;
        if !last {
            let begin = if head.is_some() { start } else { 0 };
            let from = self.data.len().saturating_sub(DICTIONARY_BYTES);
            dictionary.clear();
            dictionary.extend_from_slice(&self.data[from.max(begin)..]);
        }
        self.parts.push_back(BlockEntry::File(Piece {
            head,
            last,
            crc: 0,
            method: Method::Stored,
            data: start..self.data.len(),
            packed: 0..0,
        }));
        Ok((read as u64, last))
    }

    /// Compresses every piece. `level` is the compressor's; at level 0 it only cuts into blocks what is in several pieces.
    pub(super) fn pack(&mut self, compress: &mut Compress, level: u8) {
        // So much that deflate is done in one go, and recycled with the unit.
        let bound = self.data.len() + self.data.len() / 8 + 1024;
        self.packed.reserve_exact(bound);
        for part in &mut self.parts {
            let BlockEntry::File(piece) = part else {
                continue;
            };
            let bytes = &self.data[piece.data.clone()];
            piece.crc = crc32fast::hash(bytes);
            let whole = piece.head.is_some() && piece.last;
            if whole && (level == 0 || bytes.is_empty()) {
                continue;
            }
            let start = self.packed.len();
            let dictionary = match piece.head {
                Some(_) => &[],
                None => &self.data[..piece.data.start],
            };
            deflate(compress, dictionary, bytes, piece.last, &mut self.packed);
            if whole && self.packed.len() - start >= bytes.len() {
                self.packed.truncate(start);
            } else {
                piece.method = Method::Deflated;
                piece.packed = start..self.packed.len();
            }
        }
    }

    /// A piece's bytes as they are written.
    pub(super) fn bytes(&self, piece: &Piece) -> &[u8] {
        match piece.method {
            Method::Stored => &self.data[piece.data.clone()],
            Method::Deflated => &self.packed[piece.packed.clone()],
        }
    }
}

fn deflate(
    compress: &mut Compress,
    dictionary: &[u8],
    bytes: &[u8],
    last: bool,
    packed: &mut Vec<u8>,
) {
    compress.reset();
    if !dictionary.is_empty() {
        compress
            .set_dictionary(dictionary)
            .expect("a fresh raw stream takes a dictionary");
    }
    let flush = if last {
        FlushCompress::Finish
    } else {
        FlushCompress::Sync
    };
    loop {
        let taken = compress.total_in() as usize;
        let status = compress
            .compress_vec(&bytes[taken..], packed, flush)
            .expect("a stream that is fed in order does not fail");
        // Room that is left means that the flush is complete.
        let done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => packed.len() < packed.capacity(),
        };
        if done {
            return;
        }
        packed.reserve(BLOCK_BYTES / 4);
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::read::DeflateDecoder;

    use super::*;

    fn metadata() -> Metadata {
        let dir = cap_std::fs::Dir::open_ambient_dir(".", cap_std::ambient_authority());
        dir.and_then(|dir| dir.dir_metadata()).expect("a folder")
    }

    #[test]
    fn blocks_of_a_long_file_are_one_stream() {
        let head = |name: &str| {
            Some(EntryHeader {
                name: name.into(),
                metadata: metadata(),
            })
        };
        let lengths = [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 700_000];
        for (length, level) in lengths.into_iter().flat_map(|l| [(l, 0), (l, 6)]) {
            let data: Vec<u8> = (0..length).map(|i| (i * i / 7919) as u8).collect();
            let mut source = data.as_slice();
            let mut compress = Compress::new(Compression::new(level.into()), false);
            let mut dictionary = Vec::new();
            let mut unit = Block::default();
            let mut crc = crc32fast::Hasher::new();
            let mut joined = Vec::new();
            // Something else is in the unit where the file begins.
            unit.read(head("other"), &mut &b"other"[..], 5, &mut Vec::new())
                .expect("it is read");
            let mut begins = head("long");
            let deflated = loop {
                let left = source.len() as u64;
                unit.read(begins.take(), &mut source, left, &mut dictionary)
                    .expect("it is read");
                unit.pack(&mut compress, level);
                let Some(BlockEntry::File(piece)) = unit.parts.back() else {
                    panic!("a file was read")
                };
                crc.combine(&crc32fast::Hasher::new_with_initial_len(
                    piece.crc,
                    piece.size(),
                ));
                joined.extend_from_slice(unit.bytes(piece));
                let deflated = piece.method == Method::Deflated;
                if piece.last {
                    break deflated;
                }
                unit.clear();
                unit.set_dictionary(&dictionary);
            };
            assert_eq!(crc.finalize(), crc32fast::hash(&data), "{length}");
            let mut inflated = Vec::new();
            if deflated {
                let mut stream = DeflateDecoder::new(joined.as_slice());
                stream.read_to_end(&mut inflated).expect("a whole stream");
            } else {
                inflated = joined;
            }
            assert!(inflated == data, "{length}");
        }
    }

    #[test]
    fn block_reads_stop_at_the_remaining_length() {
        let mut unit = Block::default();
        let mut dictionary = Vec::new();
        let head = EntryHeader {
            name: "log".into(),
            metadata: metadata(),
        };
        let read = unit.read(Some(head), &mut io::repeat(7), 1000, &mut dictionary);
        assert_eq!(read.expect("it is read"), (1000, true));
        unit.clear();
        let length = BLOCK_BYTES as u64;
        let read = unit.read(None, &mut io::repeat(7), length + 1, &mut dictionary);
        assert_eq!(read.expect("it is read"), (length, false));
        unit.clear();
        unit.set_dictionary(&dictionary);
        let read = unit.read(None, &mut io::repeat(7), 1, &mut dictionary);
        assert_eq!(read.expect("it is read"), (1, true));
    }
}
