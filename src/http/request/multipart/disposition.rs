//! `Content-Disposition` of a part, from the raw bytes that clients send. Pure.
//!
//! RFC 7578 specifies names in plain UTF-8. Clients also write them in Latin-1 (old locales), percent-encoded with a
//! charset (`filename*`, RFC 8187: old urllib3, .NET) or as encoded words (RFC 2047: .NET). A part with a `filename` of any
//! kind is a file, even if the name cannot be decoded. Otherwise its content would become the param, which may be a path.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, WINDOWS_1252};
use percent_encoding::percent_decode;

use crate::http::request::multipart::Error;

/// The names in `Content-Disposition`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// The name of the field.
    pub(crate) name: Option<String>,
    /// The name of the file; empty if it cannot be decoded.
    pub(crate) file_name: Option<String>,
}

/// Parses the value of the header.
///
/// # Errors
/// [`Error::Header`] if the value is malformed.
pub(crate) fn parse(value: &[u8]) -> Result<Names, Error> {
    let end = value.iter().position(|byte| *byte == b';');
    let (kind, mut rest) = value.split_at(end.unwrap_or(value.len()));
    if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
        return Err(Error::Header("Content-Disposition is not form-data"));
    }
    let (mut field, mut file) = (Param::default(), Param::default());
    while let Some((name, value)) = next_param(&mut rest)? {
        if let Some(form) = name.strip_prefix(b"filename") {
            file.add(form, value)?;
        } else if let Some(form) = name.strip_prefix(b"name") {
            field.add(form, value)?;
        }
    }
    // Control characters in a file's name only help attackers.
    let plain = |name: String| name.replace(char::is_control, "_");
    Ok(Names {
        name: field.text(),
        file_name: file
            .is_present
            .then(|| plain(file.text().unwrap_or_default())),
    })
}

/// One parameter, in all forms in which clients write it.
#[derive(Debug, Default)]
struct Param {
    is_present: bool,
    /// `name=`.
    plain: Option<Vec<u8>>,
    /// `name*=`, still encoded.
    extended: Option<Vec<u8>>,
    /// `name*0=`, `name*1*=` (RFC 2231, section 3): the number, whether the text is encoded, and the text.
    pieces: Vec<(usize, bool, Vec<u8>)>,
}

impl Param {
    /// Adds a value; `form` is the suffix after the parameter's own name.
    fn add(&mut self, form: &[u8], value: Vec<u8>) -> Result<(), Error> {
        const TWICE: Error = Error::Header("a parameter of Content-Disposition is given twice");
        let seen = match form {
            b"" => self.plain.replace(value),
            b"*" => self.extended.replace(value),
            [b'*', number @ ..] => {
                let is_encoded = number.ends_with(b"*");
                let number = number.strip_suffix(b"*").unwrap_or(number);
                let number = std::str::from_utf8(number)
                    .ok()
                    .and_then(|text| text.parse().ok());
                if let Some(number) = number {
                    self.pieces.push((number, is_encoded, value));
                }
                None
            }
            // Another parameter, such as `filename-x`.
            _ => return Ok(()),
        };
        self.is_present = true;
        if seen.is_some() { Err(TWICE) } else { Ok(()) }
    }

    /// The value. A form with a charset takes precedence.
    fn text(mut self) -> Option<String> {
        let extended = self.extended.take().or_else(|| self.joined());
        let decoded = extended.as_deref().and_then(decode_extended);
        // An undecoded value is better than no value.
        let plain = self.plain.or(extended);
        decoded.or_else(|| plain.as_deref().map(decode_plain))
    }

    /// The pieces as one value in the form of `name*=`.
    fn joined(&mut self) -> Option<Vec<u8>> {
        self.pieces.sort_by_key(|(number, ..)| *number);
        let (_, has_charset, _) = self.pieces.first()?;
        let mut joined = if *has_charset {
            Vec::new()
        } else {
            b"utf-8''".to_vec()
        };
        for (_, is_encoded, piece) in &self.pieces {
            if *is_encoded {
                joined.extend_from_slice(piece);
            } else {
                for byte in piece {
                    joined.extend_from_slice(format!("%{byte:02X}").as_bytes());
                }
            }
        }
        Some(joined)
    }
}

/// A parameter's name in lower case, and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// The next parameter after a `;`.
fn next_param(rest: &mut &[u8]) -> Result<Option<Pair>, Error> {
    loop {
        let Some(after) = rest.strip_prefix(b";") else {
            return if rest.trim_ascii().is_empty() {
                Ok(None)
            } else {
                Err(Error::Header(
                    "text follows a closing quote in Content-Disposition; write a quote inside of a name as \\\" or %22",
                ))
            };
        };
        let end = after.iter().position(|byte| matches!(byte, b'=' | b';'));
        let (name, after) = after.split_at(end.unwrap_or(after.len()));
        let name = name.trim_ascii().to_ascii_lowercase();
        let Some(after) = after.strip_prefix(b"=") else {
            *rest = after;
            if name.starts_with(b"filename") || name == b"name" {
                return Ok(Some((name, Vec::new())));
            }
            continue;
        };
        let after = after.trim_ascii_start();
        let (value, after) = if let Some(quoted) = after.strip_prefix(b"\"") {
            unquote(quoted)?
        } else {
            let end = after.iter().position(|byte| *byte == b';');
            let (token, after) = after.split_at(end.unwrap_or(after.len()));
            (token.trim_ascii().to_vec(), after)
        };
        *rest = after.trim_ascii_start();
        return Ok(Some((name, value)));
    }
}

/// The quoted string that starts after its opening quote, and the rest. A backslash escapes only quotes and backslashes,
/// and not a quote that ends the header: Internet Explorer sent paths unescaped, and browsers still do not escape
/// backslashes.
fn unquote(quoted: &[u8]) -> Result<(Vec<u8>, &[u8]), Error> {
    let mut value = Vec::new();
    let mut at = 0;
    while let Some(byte) = quoted.get(at) {
        let rest = &quoted[at + 1..];
        match (byte, rest) {
            (b'"', _) => return Ok((value, rest)),
            (b'\\', [b'"', last @ ..]) if !last.trim_ascii().is_empty() => {
                value.push(b'"');
                at += 2;
            }
            (b'\\', [b'\\', ..]) => {
                value.push(b'\\');
                at += 2;
            }
            (other, _) => {
                value.push(*other);
                at += 1;
            }
        }
    }
    Err(Error::Header(
        "a quoted string in Content-Disposition has no end",
    ))
}

/// Decodes `charset'language'percent-encoded`; `None` if the value is malformed.
fn decode_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode(text).collect();
    decode(charset, &bytes)
}

/// Decodes a plain value: UTF-8 or Windows-1252, with encoded words and `%22`.
fn decode_plain(value: &[u8]) -> String {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252
            .decode_without_bom_handling(value)
            .0
            .into_owned(),
    };
    // Apart from line ends, browsers encode only quotes (HTML, section 4.10.21.8).
    encoded_words(&text).unwrap_or(text).replace("%22", "\"")
}

/// Decodes `=?utf-8?B?bmHDr3Zl?= =?utf-8?Q?...?=`; `None` if the text is something else.
fn encoded_words(text: &str) -> Option<String> {
    let mut decoded = String::new();
    for word in text.split_ascii_whitespace() {
        let word = word.strip_prefix("=?")?.strip_suffix("?=")?;
        let mut parts = word.splitn(3, '?');
        let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = match encoding {
            "B" | "b" => STANDARD.decode(text).ok()?,
            // Like percent-encoding, but with `=` for `%` and `_` for a space.
            "Q" | "q" => {
                let text = text.replace('%', "=25").replace('_', " ").replace('=', "%");
                percent_decode(text.as_bytes()).collect()
            }
            _ => return None,
        };
        // RFC 2231 appends the language.
        let charset = charset.split('*').next()?;
        decoded.push_str(&decode(charset.as_bytes(), &bytes)?);
    }
    (!decoded.is_empty()).then_some(decoded)
}

fn decode(charset: &[u8], bytes: &[u8]) -> Option<String> {
    let encoding = Encoding::for_label_no_replacement(charset)?;
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}
