//! Decodes documents. The encoding is detected as in XML 1.0, appendix F; malformed input is an error, never replaced.

use encoding_rs::Encoding;

use super::chars;
use super::error::{Error, ErrorKind};
use super::prolog;

/// A document before decoding, with external information about its encoding.
///
/// External information overrides the XML declaration (XML 1.0, section 4.3.3; RFC 7303, section 3): decoded text
/// stays as it is, and a `charset` parameter applies unless there is a byte order mark.
#[derive(Debug, Clone)]
pub struct Source(Content);

#[derive(Debug, Clone)]
enum Content {
    Text(String),
    Bytes {
        bytes: Vec<u8>,
        charset: Option<String>,
    },
}

impl Source {
    /// Bytes, with the `charset` parameter of their media type if there is one. Without it, a byte order mark or the
    /// XML declaration names the encoding.
    pub fn new(bytes: Vec<u8>, charset: Option<String>) -> Self {
        Self(Content::Bytes { bytes, charset })
    }

    /// The length in bytes before decoding.
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Content::Text(text) => text.len(),
            Content::Bytes { bytes, .. } => bytes.len(),
        }
    }
}

/// Bytes without external information about the encoding.
impl From<Vec<u8>> for Source {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes, None)
    }
}

/// Decoded text; an encoding in its XML declaration is ignored.
impl From<String> for Source {
    fn from(text: String) -> Self {
        Self(Content::Text(text))
    }
}

/// As for [`String`].
impl From<&str> for Source {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// The encoding family that the first bytes indicate.
enum Signature {
    Utf8,
    Utf16 {
        big: bool,
    },
    Utf32 {
        big: bool,
    },
    /// None: the XML declaration is ASCII and names the encoding.
    Ascii,
}

/// Decodes a document: removes the byte order mark, normalizes line ends and checks that all characters are allowed.
pub(crate) fn decode(source: Source) -> Result<String, Error> {
    let mut text = match source.0 {
        Content::Text(text) => match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        },
        Content::Bytes { bytes, charset } => match (detect(&bytes), charset) {
            ((Signature::Ascii, _) | (_, 0), Some(charset)) => {
                decode_with_charset(bytes, &charset)?
            }
            // A byte order mark overrides a charset, and both override the declaration.
            ((start, mark), Some(_)) => decode_by_signature(bytes, &start, mark)?,
            ((start, mark), None) => decode_without_charset(bytes, &start, mark)?,
        },
    };
    if memchr::memchr(b'\r', text.as_bytes()).is_some() {
        text = text.replace("\r\n", "\n").replace('\r', "\n");
    }
    let mut checked = chars::check(&text);
    if prolog::is_xml_1_1(&text) {
        checked = checked.and_then(|()| chars::check_1_1(&text));
    }
    match checked {
        Ok(()) => Ok(text),
        Err(fault) => Err(fault.in_text(&text)),
    }
}

/// Decodes a document without external information: its first bytes and its declaration must agree.
fn decode_without_charset(bytes: Vec<u8>, start: &Signature, mark: usize) -> Result<String, Error> {
    let text = decode_by_signature(bytes, start, mark)?;
    let name = prolog::declared_encoding(&text);
    if let Some(name) = name.filter(|name| !is_consistent(start, mark, name)) {
        let message = format!(
            "The XML declaration names the encoding {name}, but the bytes are in another encoding."
        );
        return Err(Error::new(ErrorKind::NotWellFormed, message).at(&text, 0));
    }
    Ok(text)
}

/// Decodes a document by its first bytes, or else by its declaration.
fn decode_by_signature(bytes: Vec<u8>, start: &Signature, mark: usize) -> Result<String, Error> {
    match *start {
        Signature::Utf32 { big } => decode_utf32(&bytes[mark..], big),
        Signature::Utf16 { big } => decode_with(&bytes[mark..], utf16_encoding(big)),
        Signature::Utf8 => decode_utf8(bytes, mark),
        Signature::Ascii => decode_by_declaration(bytes),
    }
}

/// Decodes a document without a byte order mark by the `charset` of its media type.
fn decode_with_charset(bytes: Vec<u8>, charset: &str) -> Result<String, Error> {
    let label = charset.trim().to_ascii_lowercase();
    // RFC 2781, section 4.3: big-endian without a mark, unless the text is evidently little-endian.
    let is_little = bytes.starts_with(b"<\0");
    let text = match label.as_str() {
        "utf-16" => Some(decode_with(&bytes, utf16_encoding(!is_little))),
        "utf-32" => Some(decode_utf32(&bytes, !is_little)),
        "utf-32be" => Some(decode_utf32(&bytes, true)),
        "utf-32le" => Some(decode_utf32(&bytes, false)),
        _ => decode_with_label(bytes, &label, |_| true),
    };
    let Some(text) = text else {
        let message = format!(
            "The media type gives the charset {charset:?}, which is not supported; send the document as UTF-8."
        );
        return Err(Error::new(ErrorKind::NotWellFormed, message));
    };
    text.map_err(|mut error| {
        error.message =
            format!("The document is not valid {charset}, the charset in the media type.");
        error
    })
}

fn utf16_encoding(big: bool) -> &'static Encoding {
    if big {
        encoding_rs::UTF_16BE
    } else {
        encoding_rs::UTF_16LE
    }
}

/// Detects the encoding family, and returns the length of the byte order mark.
fn detect(bytes: &[u8]) -> (Signature, usize) {
    match bytes {
        [0, 0, 0xfe, 0xff, ..] => (Signature::Utf32 { big: true }, 4),
        [0xff, 0xfe, 0, 0, ..] => (Signature::Utf32 { big: false }, 4),
        [0, 0, 0, b'<', ..] => (Signature::Utf32 { big: true }, 0),
        [b'<', 0, 0, 0, ..] => (Signature::Utf32 { big: false }, 0),
        [0xfe, 0xff, ..] => (Signature::Utf16 { big: true }, 2),
        [0xff, 0xfe, ..] => (Signature::Utf16 { big: false }, 2),
        [0, b'<', ..] => (Signature::Utf16 { big: true }, 0),
        [b'<', 0, ..] => (Signature::Utf16 { big: false }, 0),
        [0xef, 0xbb, 0xbf, ..] => (Signature::Utf8, 3),
        _ => (Signature::Ascii, 0),
    }
}

/// Whether a declared encoding agrees with the first bytes.
fn is_consistent(start: &Signature, mark: usize, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match start {
        Signature::Utf8 => name == "utf-8",
        Signature::Utf16 { big } => match name.as_str() {
            "utf-16" | "iso-10646-ucs-2" => mark > 0,
            "utf-16be" => *big,
            "utf-16le" => !big,
            _ => false,
        },
        Signature::Utf32 { .. } => {
            name.starts_with("utf-32") || name.starts_with("iso-10646-ucs-4")
        }
        // The bytes were decoded by the declaration.
        Signature::Ascii => true,
    }
}

/// Decodes a document without a byte order mark by its declaration, which is read as ASCII.
fn decode_by_declaration(bytes: Vec<u8>) -> Result<String, Error> {
    // Longer declarations do not occur in practice.
    const DECLARATION: usize = 1024;
    let head: String = bytes
        .iter()
        .take(DECLARATION)
        .map(|&b| char::from(b))
        .collect();
    let Some(name) = prolog::declared_encoding(&head) else {
        return decode_utf8(bytes, 0);
    };
    let text = decode_with_label(bytes, &name.to_ascii_lowercase(), |encoding| {
        // A declaration in another encoding could not be read as ASCII.
        encoding.is_ascii_compatible()
    });
    text.unwrap_or_else(|| {
        let message = format!("The encoding {name} is not supported; use UTF-8.");
        Err(Error::new(ErrorKind::NotWellFormed, message).at(&head, 0))
    })
}

/// Decodes bytes by the lower-case label of an encoding; `None` if the label is unknown or not admitted.
fn decode_with_label(
    bytes: Vec<u8>,
    label: &str,
    admits: impl Fn(&'static Encoding) -> bool,
) -> Option<Result<String, Error>> {
    Some(match label {
        "utf-8" | "utf8" => decode_utf8(bytes, 0),
        "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" => {
            // ISO-8859-1 proper, not windows-1252 as in browsers.
            Ok(encoding_rs::mem::decode_latin1(&bytes).into_owned())
        }
        "us-ascii" | "ascii" => match bytes.iter().position(|b| !b.is_ascii()) {
            None => decode_utf8(bytes, 0),
            Some(at) => Err(malformed(&lossy_prefix(&bytes, at))),
        },
        label => {
            let encoding = Encoding::for_label_no_replacement(label.as_bytes())
                .filter(|one| admits(one) && *one != encoding_rs::X_USER_DEFINED)?;
            decode_with(&bytes, encoding)
        }
    })
}

fn decode_utf8(mut bytes: Vec<u8>, mark: usize) -> Result<String, Error> {
    bytes.drain(..mark);
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        malformed(&lossy_prefix(error.as_bytes(), good))
    })
}

fn decode_with(bytes: &[u8], encoding: &'static Encoding) -> Result<String, Error> {
    if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        return Ok(text.into_owned());
    }
    // Decode again to find the position of the error.
    let mut good = String::with_capacity(2 * bytes.len());
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let _ = decoder.decode_to_string_without_replacement(bytes, &mut good, true);
    Err(malformed(&good))
}

fn decode_utf32(bytes: &[u8], big: bool) -> Result<String, Error> {
    let mut text = String::with_capacity(bytes.len() / 4);
    for four in bytes.chunks(4) {
        let value = match <[u8; 4]>::try_from(four) {
            Ok(four) if big => u32::from_be_bytes(four),
            Ok(four) => u32::from_le_bytes(four),
            Err(_) => u32::MAX,
        };
        text.push(char::from_u32(value).ok_or_else(|| malformed(&text))?);
    }
    Ok(text)
}

/// The text before a byte, to compute the position of an error.
fn lossy_prefix(bytes: &[u8], end: usize) -> String {
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn malformed(good: &str) -> Error {
    let message = "The bytes are invalid in the encoding of the document.";
    Error::new(ErrorKind::NotWellFormed, message).at(good, good.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn decoded_text_keeps_its_characters_whatever_it_declares() {
        for name in ["ISO-8859-1", "utf-16", "US-ASCII", "UTF-8", "x-unknown"] {
            let text = format!("<?xml version='1.0' encoding='{name}'?><r>é</r>");
            assert_eq!(decode(text.as_str().into()).as_ref(), Ok(&text), "{name}");
            let marked = format!("\u{feff}{text}");
            assert_eq!(decode(marked.into()).as_ref(), Ok(&text), "{name}");
        }
    }

    #[test]
    fn byte_order_mark_beats_charset_and_charset_beats_declaration() {
        const MARK: &str = "\u{feff}";
        const LATIN_1: &str = "<?xml version='1.0' encoding='ISO-8859-1'?><r>é</r>";
        let check = |bytes: Vec<u8>, charset: &str, expected: &str| {
            let text = decode(Source::new(bytes, Some(charset.into())));
            assert_eq!(text.as_deref(), Ok(expected), "{charset}");
        };
        check(LATIN_1.into(), "utf-8", LATIN_1);
        check(LATIN_1.into(), "UTF8", LATIN_1);
        check(b"<r>\xe9</r>".to_vec(), "ISO-8859-1", "<r>é</r>");
        check(b"<r>\x80</r>".to_vec(), "windows-1252", "<r>€</r>");
        check(b"<r/>".to_vec(), "us-ascii", "<r/>");
        let marked = format!("{MARK}{LATIN_1}");
        check(marked.clone().into(), "iso-8859-1", LATIN_1);
        check(utf16le(&marked), "utf-8", LATIN_1);
        check(utf16le(LATIN_1), "utf-16", LATIN_1);
        check(utf16le(LATIN_1), "utf-16le", LATIN_1);
        let big: Vec<u8> = LATIN_1.encode_utf16().flat_map(u16::to_be_bytes).collect();
        check(big.clone(), "utf-16", LATIN_1);
        check(big, "UTF-16BE", LATIN_1);
        let four: Vec<u8> = LATIN_1
            .chars()
            .flat_map(|c| u32::from(c).to_be_bytes())
            .collect();
        check(four, "utf-32", LATIN_1);
    }

    #[test]
    fn unknown_or_wrong_charset_is_named_in_the_error() {
        let refused = |bytes: &[u8], charset: &str| {
            let error = decode(Source::new(bytes.to_vec(), Some(charset.into())));
            let error = error.expect_err(charset);
            assert_eq!(error.kind, ErrorKind::NotWellFormed);
            assert!(error.message.contains(charset), "{error}");
        };
        refused(b"<r/>", "klingon");
        refused(b"<r/>", "x-user-defined");
        refused(b"<r>\xe9</r>", "utf-8");
        refused(b"<r>\xc3\xa9</r>", "us-ascii");
        refused(b"<r/>x", "utf-16");
        refused(b"<r/>", "utf-32");
    }
}
