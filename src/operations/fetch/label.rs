//! The media type and the file name of a downloaded document, from the response's headers and the URL.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use percent_encoding::percent_decode_str;

use crate::header_params::params;
use crate::operations::documents::remote::Remote;

/// The maximum length of a file name in common file systems, in bytes.
const NAME_BYTES: usize = 255;
/// The maximum length of an extension that is kept when a name is shortened, in bytes, including the dot.
const EXTENSION_BYTES: usize = 32;
/// The maximum length of a media type, in bytes. A longer one is ignored.
const TYPE_BYTES: usize = 255;

/// A media type and a file name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Label {
    pub(super) media_type: String,
    pub(super) filename: String,
}

impl Label {
    pub(super) fn of(remote: &Remote<'_>) -> Self {
        Self::from_parts(remote.headers(), remote.target().url().path())
    }

    /// Takes the name from Content-Disposition, or else from the last part of the URL's path.
    fn from_parts(headers: &HeaderMap, path: &str) -> Self {
        let said = headers
            .get(CONTENT_DISPOSITION)
            .and_then(|value| filename(&text(value.as_bytes())).and_then(|name| plain(&name)));
        let last = || {
            let part = path.rsplit('/').find(|part| !part.is_empty())?;
            plain(&text(&Cow::from(percent_decode_str(part))))
        };
        Self {
            media_type: media_type(headers),
            filename: said.or_else(last).unwrap_or_else(|| "download".into()),
        }
    }
}

fn media_type(headers: &HeaderMap) -> String {
    let said = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let is_token = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        !text.is_empty() && text.bytes().all(plain)
    };
    let is_type = |text: &&str| {
        let name = text.split(';').next().unwrap_or_default().trim_end();
        let parts = name.split_once('/');
        text.len() <= TYPE_BYTES && parts.is_some_and(|(kind, sub)| is_token(kind) && is_token(sub))
    };
    said.map(str::trim)
        .filter(is_type)
        .unwrap_or("application/octet-stream")
        .to_owned()
}

/// The name without folders and control characters, or `None` if nothing is left.
fn plain(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next()?;
    let shown: String = last.chars().filter(|c| !c.is_control()).collect();
    let shown = shown.trim();
    let is_name = !shown.is_empty() && !shown.chars().all(|c| c == '.');
    is_name.then(|| short(shown))
}

/// Shortens a name that is too long for file systems. The extension is kept if possible.
fn short(name: &str) -> String {
    let surplus = name.len().saturating_sub(NAME_BYTES);
    if surplus == 0 {
        return name.to_owned();
    }
    let dot = name
        .rfind('.')
        .filter(|dot| (1..=EXTENSION_BYTES).contains(&(name.len() - dot)));
    let (stem, extension) = name.split_at(dot.unwrap_or(name.len()));
    let end = stem.floor_char_boundary(stem.len() - surplus);
    format!("{}{extension}", &stem[..end])
}

/// Decodes UTF-8, or else Latin-1, which old servers send.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    }
}

/// The name in a Content-Disposition (RFC 6266). `filename*` takes precedence over `filename`.
fn filename(text: &str) -> Option<String> {
    let mut simple = None;
    for (name, value) in params(text) {
        if name == "filename*"
            && let Some(extended) = extended(&value)
        {
            return Some(extended);
        }
        if name == "filename" && simple.is_none() {
            simple = Some(value);
        }
    }
    simple
}

/// Decodes an extended value like `UTF-8''na%C3%AFve.txt` (RFC 8187).
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    if charset.eq_ignore_ascii_case("utf-8") {
        return String::from_utf8(bytes).ok();
    }
    // The code points of ISO 8859-1 are the first 256 of Unicode.
    charset
        .eq_ignore_ascii_case("iso-8859-1")
        .then(|| bytes.into_iter().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn label(disposition: &[u8], media_type: &[u8], path: &str) -> Label {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONTENT_DISPOSITION, disposition),
            (CONTENT_TYPE, media_type),
        ] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_bytes(value).expect("a header"));
            }
        }
        Label::from_parts(&headers, path)
    }

    #[test]
    fn name_comes_from_the_header_or_the_url_path() {
        let check = |disposition: &str, path: &str, expected: &str| {
            let found = label(disposition.as_bytes(), b"", path).filename;
            assert_eq!(found, expected, "{disposition} {path}");
        };
        check("", "/a/b.txt", "b.txt");
        check("", "/a/b/", "b");
        check("", "/", "download");
        check("", "/a%20b%2Fc.txt", "c.txt");
        check("", "/na%C3%AFve.txt", "naïve.txt");
        check("", "/..%2f..", "download");
        check("attachment", "/x", "x");
        check("attachment; filename=a.txt", "/x", "a.txt");
        check(
            "attachment; filename=\"a; b=\\\"c\\\".txt\"",
            "/x",
            "a; b=\"c\".txt",
        );
        check("inline;FILENAME = a.txt ; size=3", "/x", "a.txt");
        check(
            "attachment; filename=\"plain.txt\"; filename*=UTF-8''na%C3%AFve.txt",
            "/x",
            "naïve.txt",
        );
        check("attachment; filename*=utf-8'en'a%20b", "/x", "a b");
        check("attachment; filename*=ISO-8859-1''na%EFve", "/x", "naïve");
        check("attachment; filename*=KOI8-R''a; filename=b", "/x", "b");
        check("attachment; filename*=UTF-8''%FF; filename=b", "/x", "b");
        check("attachment; filename=\"../../etc/passwd\"", "/x", "passwd");
        check("attachment; filename=\"C:\\\\a\\\\b.txt\"", "/x", "b.txt");
        check("attachment; filename*=UTF-8''%2e%2e%2fa%00b", "/x", "ab");
        check("attachment; filename=\"\"", "/x", "x");
        check("attachment; filename=\"..\"", "/x", "x");
        check("attachment; filename=\"open", "/x", "open");
        check("attachment; filename", "/x", "x");
        check(";;;=;;", "/x", "x");
        check("filename=a.txt", "/x", "a.txt");
        check("filename=\"a;b.txt\"", "/x", "a;b.txt");
        check("filename*=UTF-8''%C3%A4; filename=a", "/x", "ä");
        check("attachment; filename=naïve.txt", "/x", "naïve.txt");
        check("", "/na%EFve.txt", "naïve.txt");
        let long = format!("attachment; filename={}", "ü".repeat(200));
        check(&long, "/x", &"ü".repeat(127));
        let long = format!("attachment; filename={}.tar.gz", "ü".repeat(200));
        check(&long, "/x", &format!("{}.gz", "ü".repeat(126)));
        let long = format!("attachment; filename=a.{}", "b".repeat(300));
        check(&long, "/x", &format!("a.{}", "b".repeat(253)));
        let latin_1 = label(b"attachment; filename=\"na\xefve.txt\"", b"", "/x");
        assert_eq!(latin_1.filename, "naïve.txt");
    }

    #[test]
    fn invalid_media_type_is_treated_as_unknown() {
        let check = |said: &[u8], expected: &str| {
            assert_eq!(label(b"", said, "/").media_type, expected);
        };
        check(b"text/html; charset=utf-8", "text/html; charset=utf-8");
        check(b" image/svg+xml ", "image/svg+xml");
        for bad in [
            &b""[..],
            b"text",
            b"text/",
            b"/html",
            b"a b/c",
            b"text/\xFF",
            b"text/html\xC3\xBC",
            &[b'a'; 300],
        ] {
            check(bad, "application/octet-stream");
        }
    }
}
