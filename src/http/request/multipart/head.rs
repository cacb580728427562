//! The headers of one part: which field it is, whether it is a file, and of what type.

use std::borrow::Cow;

use memchr::memmem;

use crate::http::request::media_type::MediaType;
use crate::http::request::multipart::limits::{FIELD_NAME_BYTES, FILE_NAME_BYTES, HEADERS};
use crate::http::request::multipart::{Error, disposition};

/// The headers of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The name of the field.
    pub(crate) name: String,
    /// The name of the file, if the part is a file. Empty if the client gives no name.
    pub(crate) file_name: Option<String>,
    /// The media type, if the client gives a valid one.
    pub(crate) media_type: Option<MediaType>,
}

impl Head {
    /// Parses the lines of headers, without the last CRLF.
    ///
    /// # Errors
    /// The [`Error`] for headers that are malformed, too many or too long, or that describe unsupported content.
    pub(crate) fn parse(lines: &[u8]) -> Result<Self, Error> {
        let (mut disposition, mut content_type) = (None, None);
        for (number, line) in unfolded(lines)?.into_iter().enumerate() {
            if number >= HEADERS {
                return Err(Error::ManyHeaders);
            }
            let colon = line.iter().position(|byte| *byte == b':');
            let colon = colon.ok_or(Error::Header("it has no colon"))?;
            let value = line[colon + 1..].trim_ascii();
            let seen = match line[..colon].trim_ascii().to_ascii_lowercase().as_slice() {
                b"content-disposition" => disposition.replace(value.to_vec()),
                b"content-type" => content_type.replace(value.to_vec()),
                b"content-transfer-encoding" => {
                    check_encoding(value)?;
                    None
                }
                _ => None,
            };
            if seen.is_some() {
                return Err(Error::Header("it is given more than once"));
            }
        }
        let names = disposition::parse(&disposition.ok_or(Error::NoName)?)?;
        let name = names.name.ok_or(Error::NoName)?;
        if name.len() > FIELD_NAME_BYTES {
            return Err(Error::LongFieldName);
        }
        if names
            .file_name
            .as_ref()
            .is_some_and(|name| name.len() > FILE_NAME_BYTES)
        {
            return Err(Error::LongFileName);
        }
        Ok(Self {
            name,
            file_name: names.file_name,
            media_type: content_type
                .as_deref()
                .map(media_type)
                .transpose()?
                .flatten(),
        })
    }
}

/// The lines, each joined with its continuation lines (RFC 5322, section 2.2.3). Mail libraries fold long headers.
fn unfolded(lines: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, Error> {
    let mut unfolded: Vec<Cow<'_, [u8]>> = Vec::new();
    let (mut start, mut ends) = (0, memmem::find_iter(lines, b"\r\n"));
    while start < lines.len() {
        let end = ends.next().unwrap_or(lines.len());
        let line = &lines[start..end];
        start = end + 2;
        if line.contains(&b'\r') || line.contains(&b'\n') {
            return Err(Error::Header("its line does not end in CRLF"));
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            let last = unfolded.last_mut();
            let last = last.ok_or(Error::Header("the first line begins with white space"))?;
            last.to_mut().extend_from_slice(line);
        } else {
            unfolded.push(Cow::Borrowed(line));
        }
    }
    Ok(unfolded)
}

/// The type in `Content-Type`; `None` if it is malformed.
///
/// # Errors
/// [`Error::LongMediaType`] or [`Error::Nested`].
fn media_type(content_type: &[u8]) -> Result<Option<MediaType>, Error> {
    let media_type = MediaType::parse(&String::from_utf8_lossy(content_type))?;
    if let Some(nested) = &media_type
        && nested.essence.starts_with("multipart/")
    {
        return Err(Error::Nested);
    }
    Ok(media_type)
}

/// Rejects encoded content, which RFC 7578, section 4.7, deprecates.
///
/// # Errors
/// [`Error::TransferEncoding`].
fn check_encoding(value: &[u8]) -> Result<(), Error> {
    let is_plain = ["", "7bit", "8bit", "binary"]
        .iter()
        .any(|plain| value.eq_ignore_ascii_case(plain.as_bytes()));
    if is_plain {
        return Ok(());
    }
    let shown: String = String::from_utf8_lossy(value).chars().take(40).collect();
    Err(Error::TransferEncoding(shown))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELD: &str = "Content-Disposition: form-data; name=a";

    #[test]
    fn part_names_are_parsed_in_every_common_notation() {
        let check = |disposition: &[u8], name: &str, file_name: Option<&str>| {
            let line = [b"Content-Disposition: form-data; ", disposition].concat();
            let found = Head::parse(&line).map(|head| (head.name, head.file_name));
            let expected = (name.to_owned(), file_name.map(str::to_owned));
            assert_eq!(
                found,
                Ok(expected),
                "{}",
                String::from_utf8_lossy(disposition)
            );
        };
        let file = |parameters: &str, file_name: &str| {
            check(
                format!("name=\"a\"; {parameters}").as_bytes(),
                "a",
                Some(file_name),
            );
        };
        check(b"name=\"a\"", "a", None);
        check(b"name=\"\"", "", None);
        // Browsers.
        file("filename=\"na\u{ef}ve.txt\"", "na\u{ef}ve.txt");
        file("filename=\"\"", "");
        file("filename=\"say %22hi%22.txt\"", "say \"hi\".txt");
        file("filename=\"100%.txt\"", "100%.txt");
        file("filename=\"a\\b.txt\"", "a\\b.txt");
        file("filename=\"a\\\"", "a\\");
        file("filename=\"C:\\Documents\\a.txt\"", "C:\\Documents\\a.txt");
        // curl before 7.81, and mail libraries.
        file("filename=\"say \\\"hi\\\".txt\"", "say \"hi\".txt");
        file("filename=\"\\\"\"", "\"");
        file("filename=\"a\\\\b\"", "a\\b");
        file("filename=a b.txt", "a b.txt");
        file("filename=", "");
        file("filename", "");
        // urllib3 before 1.25, .NET.
        file("filename*=utf-8''na%C3%AFve.txt", "na\u{ef}ve.txt");
        file("filename*=\"UTF-8'en'na%C3%AFve.txt\"", "na\u{ef}ve.txt");
        file("filename*=iso-8859-1''na%EFve.txt", "na\u{ef}ve.txt");
        file("filename=\"plain\"; filename*=utf-8''%C3%AF", "\u{ef}");
        file("filename*=utf-8''%C3%AF; filename=\"plain\"", "\u{ef}");
        file(
            "filename=\"=?utf-8?B?bmHDr3ZlLnR4dA==?=\"",
            "na\u{ef}ve.txt",
        );
        file(
            "filename=\"=?utf-8?Q?na=C3=AFve_1%2e?= =?iso-8859-1*fr?q?=EF?=\"",
            "na\u{ef}ve 1%2e\u{ef}",
        );
        check(
            b"name=\"=?utf-8?B?w68=?=\"; filename=x",
            "\u{ef}",
            Some("x"),
        );
        check(b"name*=utf-8''%C3%AF", "\u{ef}", None);
        // Python's email package.
        file("filename*0=\"long \"; filename*1=name.txt", "long name.txt");
        file("filename*1=%41; filename*0*=utf-8''%C3%AF", "\u{ef}%41");
        // Clients in an old locale. A part whose name cannot be decoded is still a file.
        check(
            b"name=a; filename=\"na\xEFve.txt\"",
            "a",
            Some("na\u{ef}ve.txt"),
        );
        check(
            b"name=a; filename=\"\x80\xFF\"",
            "a",
            Some("\u{20ac}\u{ff}"),
        );
        check(b"name=\"\xEF\"", "\u{ef}", None);
        file("filename*=utf-8''%FF", "utf-8''%FF");
        file("filename*=x", "x");
        file("filename*=utf-8''%FF; filename=plain", "plain");
        file("filename=\"=?utf-8?B?%?=\"", "=?utf-8?B?%?=");
        file("filename=\"=?x?y?=\"", "=?x?y?=");
        file("filename*x=y", "");
        check(b"FILENAME=x; Name=a", "a", Some("x"));
        // Other parameters, and names that look like some.
        check(
            b"filename=\"my name=x.txt\"; name=\"a\"",
            "a",
            Some("my name=x.txt"),
        );
        check(
            b"filename=\"a; name=b\"; name=\"a\"",
            "a",
            Some("a; name=b"),
        );
        check(b"size=1; names=b; name-x=c; name=a", "a", None);
        check(b"x=\"filename=b\"; name=a", "a", None);
        // No control characters.
        file("filename*=utf-8''a%00b%0D%0Ac", "a_b__c");
        check(b"name=a; filename=\"a\tb\"", "a", Some("a_b"));
    }

    #[test]
    fn part_media_types_are_parsed() {
        let check = |content_type: &str, expected: Option<(&str, Option<&str>)>| {
            let head = Head::parse(format!("{FIELD}\r\nContent-Type:{content_type}").as_bytes());
            let found = head.expect("a head").media_type;
            let found = found
                .as_ref()
                .map(|kind| (&*kind.essence, kind.charset.as_deref()));
            assert_eq!(found, expected, "{content_type}");
        };
        check(" Text/XML; charset=\"x\"", Some(("text/xml", Some("x"))));
        check("", None);
        check("nonsense", None);
    }
}
