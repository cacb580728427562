//! Blocks: a reader fills them with data of one long file or several short ones, a worker compresses them, and the writer
//! writes them.
//!
//! The blocks of a long file are compressed independently, each with the preceding 32 KiB as dictionary and flushed to a
//! byte boundary, so that they form one deflate stream when joined (like in pigz).

use std::collections::VecDeque;
use std::io::{self, Read};
use std::ops::Range;

use cap_std::fs::Metadata;
use flate2::{Compress, FlushCompress, Status};

use crate::operations::zip::format::Method;

/// The amount of data in a block. Larger blocks do not compress better; smaller ones pay for the flush at their end.
const BLOCK_BYTES: usize = 256 * 1024;
/// The window of deflate.
const DICTIONARY_BYTES: usize = 32 * 1024;
/// The maximum number of entries in a block, which bounds the memory for many empty files.
const MAX_ENTRIES: usize = 256;

/// The name and the metadata of an entry.
pub(super) struct EntryHeader {
    /// The path in the archive; that of a folder without the `/` at its end.
    pub(super) name: String,
    pub(super) metadata: Metadata,
}

/// An entry of the archive, or a piece of one.
pub(super) enum BlockEntry {
    Folder(EntryHeader),
    /// A link, with its target.
    Link(EntryHeader, Vec<u8>),
    File(Piece),
}

/// The data of one file in a block.
pub(super) struct Piece {
    /// `None` if the file began in an earlier block.
    pub(super) head: Option<EntryHeader>,
    /// Whether this is the last piece of the file.
    pub(super) last: bool,
    pub(super) crc: u32,
    /// How the bytes are written. A file of several pieces is deflated even at level 0, because a stored entry needs its
    /// length in front, and the file may become shorter while it is read.
    pub(super) method: Method,
    data: Range<usize>,
    packed: Range<usize>,
}

impl Piece {
    /// The number of bytes of the file, before compression.
    pub(super) fn size(&self) -> u64 {
        self.data.len() as u64
    }
}

/// A block of data and its compressed form. Blocks are reused, so that their buffers are allocated once.
#[derive(Default)]
pub(super) struct Block {
    pub(super) entries: VecDeque<BlockEntry>,
    /// The offset in `data` at which the dictionary ends and the block's own data begins.
    fresh: usize,
    data: Vec<u8>,
    packed: Vec<u8>,
}

impl Block {
    /// Empties the block for reuse.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.data.clear();
        self.packed.clear();
        self.fresh = 0;
    }

    /// Sets the dictionary: the bytes of the file that precede this block.
    pub(super) fn set_dictionary(&mut self, dictionary: &[u8]) {
        self.data.extend_from_slice(dictionary);
        self.fresh = dictionary.len();
    }

    /// The number of bytes that still fit.
    pub(super) fn room(&self) -> usize {
        (self.fresh + BLOCK_BYTES).saturating_sub(self.data.len())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.room() == 0 || self.entries.len() >= MAX_ENTRIES
    }

    /// Reads up to `left` bytes of a file, until its end or until the block is full. Returns the number of bytes and whether
    /// they are the last of the file. If not, `dictionary` receives the dictionary for the next block.
    ///
    /// # Errors
    /// The I/O error of reading the file.
    pub(super) fn read(
        &mut self,
        head: Option<EntryHeader>,
        file: &mut impl Read,
        left: u64,
        dictionary: &mut Vec<u8>,
    ) -> io::Result<(u64, bool)> {
        let wanted = left.min(self.room() as u64);
        let start = self.data.len();
        // Reserve exactly, because growth would double the buffer. `read_to_end` needs a few bytes more to find the end.
        let max_bytes = DICTIONARY_BYTES + BLOCK_BYTES + 64;
        self.data.reserve_exact(max_bytes - start);
        let read = file.take(wanted).read_to_end(&mut self.data)?;
        let last = wanted == left || (read as u64) < wanted;
        if !last {
            let begin = if head.is_some() { start } else { 0 };
            let from = self.data.len().saturating_sub(DICTIONARY_BYTES);
            dictionary.clear();
            dictionary.extend_from_slice(&self.data[from.max(begin)..]);
        }
        self.entries.push_back(BlockEntry::File(Piece {
            head,
            last,
            crc: 0,
            method: Method::Stored,
            data: start..self.data.len(),
            packed: 0..0,
        }));
        Ok((read as u64, last))
    }

    /// Compresses every piece. At level 0, files of one piece are stored, and longer ones are deflated without compression.
    pub(super) fn pack(&mut self, compress: &mut Compress, level: u8) {
        // Enough for deflate to finish without growing the buffer, which is reused with the block.
        let bound = self.data.len() + self.data.len() / 8 + 1024;
        self.packed.reserve_exact(bound);
        for entry in &mut self.entries {
            let BlockEntry::File(piece) = entry else {
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

    /// The bytes of a piece as they are written to the archive.
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
        // The flush is complete once it leaves room in the buffer.
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
            let mut block = Block::default();
            let mut crc = crc32fast::Hasher::new();
            let mut joined = Vec::new();
            // The block in which the file begins also contains another file.
            block
                .read(head("other"), &mut &b"other"[..], 5, &mut Vec::new())
                .expect("it is read");
            let mut begins = head("long");
            let deflated = loop {
                let left = source.len() as u64;
                block
                    .read(begins.take(), &mut source, left, &mut dictionary)
                    .expect("it is read");
                block.pack(&mut compress, level);
                let Some(BlockEntry::File(piece)) = block.entries.back() else {
                    panic!("a file was read")
                };
                crc.combine(&crc32fast::Hasher::new_with_initial_len(
                    piece.crc,
                    piece.size(),
                ));
                joined.extend_from_slice(block.bytes(piece));
                let deflated = piece.method == Method::Deflated;
                if piece.last {
                    break deflated;
                }
                block.clear();
                block.set_dictionary(&dictionary);
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
        let mut block = Block::default();
        let mut dictionary = Vec::new();
        let head = EntryHeader {
            name: "log".into(),
            metadata: metadata(),
        };
        let read = block.read(Some(head), &mut io::repeat(7), 1000, &mut dictionary);
        assert_eq!(read.expect("it is read"), (1000, true));
        block.clear();
        let length = BLOCK_BYTES as u64;
        let read = block.read(None, &mut io::repeat(7), length + 1, &mut dictionary);
        assert_eq!(read.expect("it is read"), (length, false));
        block.clear();
        block.set_dictionary(&dictionary);
        let read = block.read(None, &mut io::repeat(7), 1, &mut dictionary);
        assert_eq!(read.expect("it is read"), (1, true));
    }
}
