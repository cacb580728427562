//! Bytes become text: the encoding is found as XML 1.0, appendix F, describes, and nothing is guessed or replaced.

use encoding_rs::Encoding;

use super::chars;
use super::error::{Code, Error};
use super::prolog;

/// What the first bytes say.
enum Start {
    Utf8,
    Utf16 {
        big: bool,
    },
    Utf32 {
        big: bool,
    },
    /// Nothing: the declaration must be ASCII, and says it.
    Ascii,
}

/// The text of a document: no byte order mark, lines end in a line feed, only characters that are allowed.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, Error> {
    let (start, mark) = start(&bytes);
    let mut text = match start {
        Start::Utf32 { big } => utf32(&bytes[mark..], big)?,
        Start::Utf16 { big } => {
            let encoding = if big {
                encoding_rs::UTF_16BE
            } else {
                encoding_rs::UTF_16LE
            };
            other(&bytes[mark..], encoding)?
        }
        Start::Utf8 => utf8(bytes, mark)?,
        Start::Ascii => declared(bytes)?,
    };
    let name = prolog::declared_encoding(&text);
    if let Some(name) = name.filter(|name| !agrees(&start, mark, name)) {
        let message =
            format!("The document says that it is in {name}, and its bytes say otherwise.");
        return Err(Error::new(Code::NotWellFormed, message).at(&text, 0));
    }
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

/// What the bytes begin with, and the length of a byte order mark.
fn start(bytes: &[u8]) -> (Start, usize) {
    match bytes {
        [0, 0, 0xfe, 0xff, ..] => (Start::Utf32 { big: true }, 4),
        [0xff, 0xfe, 0, 0, ..] => (Start::Utf32 { big: false }, 4),
        [0, 0, 0, b'<', ..] => (Start::Utf32 { big: true }, 0),
        [b'<', 0, 0, 0, ..] => (Start::Utf32 { big: false }, 0),
        [0xfe, 0xff, ..] => (Start::Utf16 { big: true }, 2),
        [0xff, 0xfe, ..] => (Start::Utf16 { big: false }, 2),
        [0, b'<', ..] => (Start::Utf16 { big: true }, 0),
        [b'<', 0, ..] => (Start::Utf16 { big: false }, 0),
        [0xef, 0xbb, 0xbf, ..] => (Start::Utf8, 3),
        _ => (Start::Ascii, 0),
    }
}

/// Whether a declared encoding is what the first bytes said.
fn agrees(start: &Start, mark: usize, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    match start {
        Start::Utf8 => name == "utf-8",
        Start::Utf16 { big } => match name.as_str() {
            "utf-16" | "iso-10646-ucs-2" => mark > 0,
            "utf-16be" => *big,
            "utf-16le" => !big,
            _ => false,
        },
        Start::Utf32 { .. } => name.starts_with("utf-32") || name.starts_with("iso-10646-ucs-4"),
        // The bytes were read as what was declared.
        Start::Ascii => true,
    }
}

/// A document without a byte order mark whose declaration can be read as ASCII.
fn declared(bytes: Vec<u8>) -> Result<String, Error> {
    // A declaration is longer than this only if somebody plays.
    const DECLARATION: usize = 1024;
    let head: String = bytes
        .iter()
        .take(DECLARATION)
        .map(|&b| char::from(b))
        .collect();
    let Some(name) = prolog::declared_encoding(&head) else {
        return utf8(bytes, 0);
    };
    match name.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" => utf8(bytes, 0),
        "iso-8859-1" | "iso_8859-1" | "latin1" | "l1" => {
            // Not what browsers take it for, which is windows-1252.
            Ok(encoding_rs::mem::decode_latin1(&bytes).into_owned())
        }
        "us-ascii" | "ascii" => match bytes.iter().position(|b| !b.is_ascii()) {
            None => utf8(bytes, 0),
            Some(at) => Err(malformed(&head_of(&bytes, at))),
        },
        label => {
            let encoding = Encoding::for_label_no_replacement(label.as_bytes())
                .filter(|one| one.is_ascii_compatible() && *one != encoding_rs::X_USER_DEFINED);
            if let Some(encoding) = encoding {
                return other(&bytes, encoding);
            }
            let message = format!(
                "The document is in {name}, which is not an encoding that can be read here."
            );
            Err(Error::new(Code::NotWellFormed, message).at(&head, 0))
        }
    }
}

fn utf8(mut bytes: Vec<u8>, mark: usize) -> Result<String, Error> {
    bytes.drain(..mark);
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        malformed(&head_of(error.as_bytes(), good))
    })
}

fn other(bytes: &[u8], encoding: &'static Encoding) -> Result<String, Error> {
    if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        return Ok(text.into_owned());
    }
    // Again, to see where.
    let mut good = String::with_capacity(2 * bytes.len());
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let _ = decoder.decode_to_string_without_replacement(bytes, &mut good, true);
    Err(malformed(&good))
}

fn utf32(bytes: &[u8], big: bool) -> Result<String, Error> {
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

/// What is before a byte, as far as it shows where that is.
fn head_of(bytes: &[u8], end: usize) -> String {
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn malformed(good: &str) -> Error {
    let message = "The bytes are not text in the encoding of the document.";
    Error::new(Code::NotWellFormed, message).at(good, good.len())
}
