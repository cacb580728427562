//! `Content-Disposition` of a part, from the raw bytes that clients send. Pure.
//!
//! RFC 7578 has names in UTF-8 as they are. Clients also write them in Latin-1 (old locales), percent-encoded with a
//! charset (`filename*`, RFC 8187: old urllib3, .NET) or as words of mail headers (RFC 2047: .NET). A part with a
//! `filename` of any kind is a file, even if the name makes no sense: else its content would become the param, which may
//! be a path.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encoding_rs::{Encoding, WINDOWS_1252};
use percent_encoding::percent_decode;

use crate::http::request::multipart::Error;

/// What `Content-Disposition` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct Names {
    /// The name of the field.
    pub(in crate::http) name: Option<String>,
    /// The name of the file; empty where it cannot be read.
    pub(in crate::http) file_name: Option<String>,
}

/// Reads a header's value.
///
/// # Errors
/// [`Error::Header`].
pub(in crate::http) fn parse(value: &[u8]) -> Result<Names, Error> {
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
    // Line ends and NUL are of no use in a file's name, and of some to an attacker.
    let plain = |name: String| name.replace(char::is_control, "_");
    Ok(Names {
        name: field.text(),
        file_name: file
            .is_there
            .then(|| plain(file.text().unwrap_or_default())),
    })
}

/// One parameter in all its forms.
#[derive(Debug, Default)]
struct Param {
    is_there: bool,
    /// `name=`.
    plain: Option<Vec<u8>>,
    /// `name*=`, still encoded.
    extended: Option<Vec<u8>>,
    /// `name*0=`, `name*1*=` (RFC 2231, section 3): the number, whether it is encoded, the text.
    pieces: Vec<(usize, bool, Vec<u8>)>,
}

impl Param {
    /// Takes a value; `form` is what follows the parameter's own name.
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
        self.is_there = true;
        if seen.is_some() { Err(TWICE) } else { Ok(()) }
    }

    /// The value; the form that names its charset counts first.
    fn text(mut self) -> Option<String> {
        let extended = self.extended.take().or_else(|| self.joined());
        let decoded = extended.as_deref().and_then(decode_extended);
        // One that cannot be decoded is better than none.
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

/// A parameter's name in small letters, and its value.
type Pair = (Vec<u8>, Vec<u8>);

/// The next parameter, which a `;` precedes.
fn next_param(rest: &mut &[u8]) -> Result<Option<Pair>, Error> {
    loop {
        let Some(after) = rest.strip_prefix(b";") else {
            return if rest.trim_ascii().is_empty() {
                Ok(None)
            } else {
                Err(Error::Header(
                    "in Content-Disposition something follows a closing quote; a quote in a name is written \\\" or %22",
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

/// A quoted string after its first quote, and what follows it. A backslash escapes quotes and backslashes alone, and no
/// quote that ends the header: Internet Explorer sent paths as they are, and browsers still do not escape it.
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

/// `charset'language'percent-encoded`; none where it is something else.
fn decode_extended(value: &[u8]) -> Option<String> {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode(text).collect();
    decode(charset, &bytes)
}

/// A value as browsers and others write it.
fn decode_plain(value: &[u8]) -> String {
    let text = match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252
            .decode_without_bom_handling(value)
            .0
            .into_owned(),
    };
    // All that browsers encode, apart from line ends (HTML, section 4.10.21.8).
    encoded_words(&text).unwrap_or(text).replace("%22", "\"")
}

/// `=?utf-8?B?bmHDr3Zl?= =?utf-8?Q?...?=`; none where the text is something else.
fn encoded_words(text: &str) -> Option<String> {
    let mut decoded = String::new();
    for word in text.split_ascii_whitespace() {
        let word = word.strip_prefix("=?")?.strip_suffix("?=")?;
        let mut parts = word.splitn(3, '?');
        let (charset, encoding, text) = (parts.next()?, parts.next()?, parts.next()?);
        let bytes = match encoding {
            "B" | "b" => STANDARD.decode(text).ok()?,
            // Percent-encoding with another sign, and `_` for a space.
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
