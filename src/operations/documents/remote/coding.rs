//! Content codings that a server applies although it was asked for none (`Accept-Encoding: identity`).
//!
//! Ranges and tags are those of the coded bytes, so that decoding comes after the joining of what broke. It goes a small
//! step at a time: however much a byte stands for, only what one step makes is in memory, and every limit counts decoded
//! bytes.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};

/// Coded bytes decoded at once; deflate makes a thousand times as many of them at most.
const STEP_BYTES: usize = 4096;

/// Decodes what was coded.
pub(super) struct Decoder {
    kind: Kind,
    /// Coded bytes that are still to be decoded.
    coded: Bytes,
}

enum Kind {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// What it is shows in its first byte.
    Deflate,
    Zlib(ZlibDecoder<Vec<u8>>),
    /// Without the frame that the standard wants (RFC 9110, section 8.4.1.2), as some servers send it.
    Raw(DeflateDecoder<Vec<u8>>),
}

impl Decoder {
    /// What a reply with these headers takes; none where it is not coded.
    ///
    /// # Errors
    /// What the coding is called, where it cannot be decoded.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        // A connection takes off the last `chunked` and nothing else.
        let transfer = codings(headers, &TRANSFER_ENCODING);
        if let Some(coding) = transfer.iter().find(|coding| *coding != "chunked") {
            return Err(format!("Transfer-Encoding {coding}"));
        }
        let mut content = codings(headers, &CONTENT_ENCODING);
        content.retain(|coding| coding != "identity");
        let kind = match &content[..] {
            [] => return Ok(None),
            [gzip] if matches!(gzip.as_str(), "gzip" | "x-gzip") => {
                // Servers label compressed files so, where it is the file itself that is wanted; browsers know that, too.
                if is_gzip_file(headers) {
                    return Ok(None);
                }
                Kind::Gzip(MultiGzDecoder::new(Vec::new()))
            }
            [deflate] if deflate == "deflate" => Kind::Deflate,
            other => return Err(format!("Content-Encoding {}", other.join(", "))),
        };
        let coded = Bytes::new();
        Ok(Some(Self { kind, coded }))
    }

    /// Takes coded bytes; those before them must have been decoded.
    pub(super) fn push(&mut self, coded: Bytes) {
        debug_assert!(
            self.coded.is_empty(),
            "each piece is decoded before the next"
        );
        if let (Kind::Deflate, Some(first)) = (&self.kind, coded.first()) {
            self.kind = if first & 0x0f == 8 {
                Kind::Zlib(ZlibDecoder::new(Vec::new()))
            } else {
                Kind::Raw(DeflateDecoder::new(Vec::new()))
            };
        }
        self.coded = coded;
    }

    /// Some decoded bytes; none where more coded ones are needed.
    ///
    /// # Errors
    /// What came is not in the coding.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.coded.is_empty() {
            let step = self.coded.split_to(self.coded.len().min(STEP_BYTES));
            let decoded = match &mut self.kind {
                Kind::Gzip(to) => write(to, &step).map(|()| to.get_mut()),
                Kind::Zlib(to) => write(to, &step).map(|()| to.get_mut()),
                Kind::Raw(to) => write(to, &step).map(|()| to.get_mut()),
                Kind::Deflate => return Ok(None),
            };
            let decoded = std::mem::take(decoded?);
            if !decoded.is_empty() {
                return Ok(Some(decoded.into()));
            }
        }
        Ok(None)
    }

    /// The last decoded bytes, if there are some left.
    ///
    /// # Errors
    /// The end is missing or does not fit what came before it.
    pub(super) fn finish(&mut self) -> io::Result<Option<Bytes>> {
        let decoded = match &mut self.kind {
            Kind::Gzip(to) => to.try_finish().map(|()| to.get_mut()),
            Kind::Zlib(to) => to.try_finish().map(|()| to.get_mut()),
            Kind::Raw(to) => to.try_finish().map(|()| to.get_mut()),
            // Nothing came at all.
            Kind::Deflate => return Ok(None),
        };
        let decoded = std::mem::take(decoded?);
        Ok((!decoded.is_empty()).then(|| decoded.into()))
    }
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    // What was decoded is wanted now.
    to.flush()
}

/// Codings in the order in which they were applied, in small letters.
fn codings(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let lines = headers.get_all(name).iter();
    let lines = lines.map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase());
    let codings = lines.flat_map(|line| {
        line.split(',')
            .map(|c| c.trim().to_owned())
            .collect::<Vec<_>>()
    });
    codings.filter(|coding| !coding.is_empty()).collect()
}

fn is_gzip_file(headers: &HeaderMap) -> bool {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = media_type.unwrap_or_default().split(';').next();
    let essence = essence.unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "application/gzip" | "application/x-gzip" | "application/x-gunzip"
    )
}
