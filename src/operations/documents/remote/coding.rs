//! Decodes content codings that a server applies although the request asked for none (`Accept-Encoding: identity`).
//!
//! Ranges and entity tags refer to the encoded bytes, so interrupted downloads are resumed before decoding. Decoding
//! proceeds in small steps: only the output of one step is in memory, whatever the compression ratio, and every limit
//! counts decoded bytes.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, TRANSFER_ENCODING};

/// The number of encoded bytes that are decoded at once. Deflate produces at most about a thousand times as many.
const STEP_BYTES: usize = 4096;

/// Decodes the body of a response.
pub(super) struct Decoder {
    kind: Kind,
    /// Encoded bytes that are not decoded yet.
    encoded: Bytes,
}

enum Kind {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// `Zlib` or `Raw`; the first byte decides.
    Deflate,
    Zlib(ZlibDecoder<Vec<u8>>),
    /// Deflate without the zlib header that RFC 9110, section 8.4.1.2, requires. Some servers send this.
    Raw(DeflateDecoder<Vec<u8>>),
}

impl Decoder {
    /// The decoder for a response with these headers, or `None` if the body is not encoded.
    ///
    /// # Errors
    /// The header and the name of a coding that is not supported.
    pub(super) fn of(headers: &HeaderMap) -> Result<Option<Self>, String> {
        // The HTTP client decodes `chunked` and no other transfer coding.
        let transfer = codings(headers, &TRANSFER_ENCODING);
        if let Some(coding) = transfer.iter().find(|coding| *coding != "chunked") {
            return Err(format!("Transfer-Encoding {coding}"));
        }
        let mut content = codings(headers, &CONTENT_ENCODING);
        content.retain(|coding| coding != "identity");
        let kind = match &content[..] {
            [] => return Ok(None),
            [gzip] if matches!(gzip.as_str(), "gzip" | "x-gzip") => {
                // Some servers send a .gz file with this header. The file itself is wanted then; browsers do the same.
                if is_gzip_file(headers) {
                    return Ok(None);
                }
                Kind::Gzip(MultiGzDecoder::new(Vec::new()))
            }
            [deflate] if deflate == "deflate" => Kind::Deflate,
            other => return Err(format!("Content-Encoding {}", other.join(", "))),
        };
        let encoded = Bytes::new();
        Ok(Some(Self { kind, encoded }))
    }

    /// Adds encoded bytes. All earlier ones must have been decoded.
    pub(super) fn push(&mut self, encoded: Bytes) {
        debug_assert!(
            self.encoded.is_empty(),
            "each piece is decoded before the next"
        );
        if let (Kind::Deflate, Some(first)) = (&self.kind, encoded.first()) {
            self.kind = if first & 0x0f == 8 {
                Kind::Zlib(ZlibDecoder::new(Vec::new()))
            } else {
                Kind::Raw(DeflateDecoder::new(Vec::new()))
            };
        }
        self.encoded = encoded;
    }

    /// The next decoded bytes, or `None` if more encoded bytes are needed.
    ///
    /// # Errors
    /// The bytes are not valid in the coding.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.encoded.is_empty() {
            let step = self.encoded.split_to(self.encoded.len().min(STEP_BYTES));
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

    /// The last decoded bytes, if there are any.
    ///
    /// # Errors
    /// The encoded data is truncated, or its checksum does not match.
    pub(super) fn finish(&mut self) -> io::Result<Option<Bytes>> {
        let decoded = match &mut self.kind {
            Kind::Gzip(to) => to.try_finish().map(|()| to.get_mut()),
            Kind::Zlib(to) => to.try_finish().map(|()| to.get_mut()),
            Kind::Raw(to) => to.try_finish().map(|()| to.get_mut()),
            // The body is empty.
            Kind::Deflate => return Ok(None),
        };
        let decoded = std::mem::take(decoded?);
        Ok((!decoded.is_empty()).then(|| decoded.into()))
    }
}

fn write(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes)?;
    // Flush, so that all bytes decoded so far are in the buffer.
    to.flush()
}

/// The codings in the order in which they were applied, in lower case.
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
