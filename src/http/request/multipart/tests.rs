//! Tests of the reader with forms split at every byte, and with heads as real clients write them.

use bytes::BytesMut;
use proptest::prelude::*;

use crate::http::request::multipart::limits::{
    EPILOGUE_BYTES, FIELD_NAME_BYTES, FILE_NAME_BYTES, HEAD_BYTES, HEADERS, PADDING_BYTES, PARTS,
    PREAMBLE_BYTES,
};
use crate::http::request::multipart::{Error, Event, Head, Reader};

const TYPE: &str = "multipart/form-data; boundary=B";

/// A part: its head, and all of its content.
type Part = (Head, Vec<u8>);

/// Reads a form that arrives in these chunks.
fn read<'c>(
    content_type: &str,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> Result<Vec<Part>, Error> {
    let mut reader = Reader::new(content_type)?;
    let mut chunks = chunks.into_iter();
    let mut parts: Vec<Part> = Vec::new();
    let mut is_open = false;
    loop {
        match reader.next()? {
            Some(Event::Head(head)) => {
                assert!(!std::mem::replace(&mut is_open, true));
                parts.push((head, Vec::new()));
            }
            Some(Event::Data(data)) => {
                assert!(is_open && !data.is_empty());
                let (_, content) = parts.last_mut().expect("a head came first");
                content.extend_from_slice(&data);
            }
            Some(Event::PartEnd) => assert!(std::mem::take(&mut is_open)),
            Some(Event::FormEnd) => {
                assert!(!is_open);
                return Ok(parts);
            }
            None => match chunks.next() {
                Some(chunk) => reader.push(chunk),
                None => reader.end(),
            },
        }
    }
}

fn read_whole(form: &[u8]) -> Result<Vec<Part>, Error> {
    read(TYPE, [form])
}

/// Names and contents.
fn plain(parts: Vec<Part>) -> Vec<(String, Option<String>, Vec<u8>)> {
    let plain = |(head, content): Part| (head.name, head.file_name, content);
    parts.into_iter().map(plain).collect()
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = BytesMut::new();
    for (head, content) in parts {
        form.extend_from_slice(format!("--B\r\n{head}\r\n\r\n").as_bytes());
        form.extend_from_slice(content);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(b"--B--\r\n");
    form.to_vec()
}

/// The head of a field.
const FIELD: &str = "Content-Disposition: form-data; name=\"a\"";

#[test]
fn chunk_boundaries_do_not_change_a_form() {
    let form = form(&[
        (FIELD, b""),
        (
            "content-disposition: form-data; name=b; filename=c\r\nContent-Type: text/xml",
            b"\r\n--",
        ),
        (FIELD, b"\r\n--Bc\r\n--B-\r\n\r--B"),
        (FIELD, b"\r\r\n\n--B \t x\r"),
    ]);
    let form = [
        b"preamble\r\n--Bx\r\n",
        form.as_slice(),
        b"epilogue\r\n--B\r\n",
    ]
    .concat();
    let whole = read_whole(&form).expect("a form");
    assert_eq!(whole.len(), 4);
    assert_eq!(whole[2].1, b"\r\n--Bc\r\n--B-\r\n\r--B");
    for first in 0..=form.len() {
        let (head, tail) = form.split_at(first);
        assert_eq!(
            read(TYPE, [head, tail]).as_ref(),
            Ok(&whole),
            "cut at {first}"
        );
        for second in first..=(first + 8).min(form.len()) {
            let (middle, tail) = tail.split_at(second - first);
            assert_eq!(
                read(TYPE, [head, middle, tail]).as_ref(),
                Ok(&whole),
                "{first}, {second}"
            );
        }
    }
    assert_eq!(read(TYPE, form.chunks(1)).as_ref(), Ok(&whole));
}

/// What follows a boundary and the spaces and tabs after it.
fn after_padding(line: &[u8]) -> &[u8] {
    let padding = line.iter().take_while(|byte| b" \t".contains(byte));
    &line[padding.count()..]
}

proptest! {
    #[test]
    fn part_contents_are_unchanged(
        contents in prop::collection::vec(prop::collection::vec(prop::sample::select(&b"\r\n-B \tx"[..]), 0..24), 0..6),
        size in 1..40_usize,
    ) {
        // What cannot be sent under this boundary.
        let ends_early = |content: &Vec<u8>| {
            let lines = [b"\r\n", content.as_slice(), b"\r\n"].concat();
            let starts = memchr::memmem::find_iter(&lines, b"\r\n--B");
            let mut lines = starts.map(|at| after_padding(&lines[at + 5..]));
            lines.any(|rest| rest.starts_with(b"--") || rest.starts_with(b"\r\n"))
        };
        prop_assume!(!contents.iter().any(ends_early));
        let parts: Vec<_> = contents.iter().map(|content| (FIELD, content.as_slice())).collect();
        let read = read(TYPE, form(&parts).chunks(size)).expect("a form");
        let read: Vec<_> = read.into_iter().map(|(_, content)| content).collect();
        prop_assert_eq!(read, contents);
    }

    #[test]
    fn any_bytes_parse_alike_in_any_chunks(
        bytes in prop::collection::vec(prop::sample::select(&b"\r\n--BB:; ab=\"\\"[..]), 0..200),
        size in 1..20_usize,
    ) {
        let form = [b"--B\r\n", bytes.as_slice()].concat();
        let whole = read_whole(&form);
        prop_assert_eq!(read(TYPE, form.chunks(size)), whole);
    }

    #[test]
    fn any_content_disposition_parses_or_is_rejected(value in prop::collection::vec(any::<u8>(), 0..80)) {
        let line = [b"Content-Disposition: form-data; name=a; filename", value.as_slice()].concat();
        let _ = Head::parse(&line);
        let _ = Head::parse(&value);
    }
}

#[test]
fn unusual_but_unambiguous_forms_are_accepted() {
    let expected = vec![("a".to_owned(), None, b"x".to_vec())];
    let check = |form: &str| {
        let found = read_whole(form.as_bytes()).map(plain);
        assert_eq!(found.as_ref(), Ok(&expected), "{form:?}");
    };
    check(&format!("--B\r\n{FIELD}\r\n\r\nx\r\n--B--"));
    check(&format!("\r\n--B\r\n{FIELD}\r\n\r\nx\r\n--B--\r\n"));
    check(&format!("--B \t\r\n{FIELD}\r\n\r\nx\r\n--B--\r\n\r\n"));
    check(&format!(
        "This is a form.\r\n\r\n--B\r\n{FIELD}\r\n\r\nx\r\n--B--bye"
    ));
    check("--B\r\nCONTENT-DISPOSITION : Form-Data;\tNAME= \"a\" ;\r\n\r\nx\r\n--B--");
    check("--B\r\nContent-Disposition: form-data;\r\n name=a\r\nX-Other: y\r\n\r\nx\r\n--B--");
    check(&format!(
        "--B\r\n{FIELD}\r\nContent-Transfer-Encoding: Binary\r\n\r\nx\r\n--B--"
    ));
    // No blank line but the one before the delimiter.
    let empty = read_whole(format!("--B\r\n{FIELD}\r\n\r\n--B--").as_bytes()).map(plain);
    assert_eq!(empty, Ok(vec![("a".to_owned(), None, Vec::new())]));
    // A browser's form without fields.
    assert_eq!(read_whole(b"--B--\r\n"), Ok(Vec::new()));
}

#[test]
fn boundary_is_parsed_in_every_common_notation() {
    let check = |content_type: &str, boundary: &str| {
        let form = format!("--{boundary}\r\n{FIELD}\r\n\r\nx\r\n--{boundary}--");
        let found = read(content_type, [form.as_bytes()]).map(|parts| parts.len());
        assert_eq!(found, Ok(1), "{content_type}");
    };
    check("multipart/form-data; boundary=a/b:c=d", "a/b:c=d");
    check("multipart/form-data;Boundary=\"a b\";charset=utf-8", "a b");
    check(
        "Multipart/Form-Data; charset=utf-8; BOUNDARY=----x ",
        "----x",
    );
    let refused = |content_type: &str| Reader::new(content_type).map(drop);
    assert_eq!(refused("multipart/form-data"), Err(Error::NoBoundary));
    assert_eq!(
        refused("multipart/form-data; boundary="),
        Err(Error::NoBoundary)
    );
    assert_eq!(
        refused("multipart/form-data; boundary=a; boundary=b"),
        Err(Error::ManyBoundaries)
    );
    let long = format!("multipart/form-data; boundary={}", "x".repeat(201));
    assert_eq!(refused(&long), Err(Error::LongBoundary));
}

#[test]
fn malformed_forms_are_rejected_with_a_reason() {
    let check = |form: &str, expected: Error| {
        assert_eq!(
            read_whole(form.as_bytes()),
            Err(expected.clone()),
            "{form:?}"
        );
        assert_eq!(
            read(TYPE, form.as_bytes().chunks(1)),
            Err(expected),
            "{form:?}"
        );
    };
    let none = || Error::NoPart("B".into());
    let cut = || Error::Truncated("B".into());
    check("", none());
    check("x", none());
    check("--C\r\n\r\nx\r\n--C--", none());
    check(&format!("--B\n{FIELD}\n\nx\n--B--\n"), Error::BareLineFeed);
    check("--B", none());
    check("--B\r\n", cut());
    check(&format!("--B\r\n{FIELD}\r\n\r\n"), cut());
    check(&format!("--B\r\n{FIELD}\r\n\r\nx\r\n--B"), cut());
    check(&format!("--B\r\n{FIELD}\r\n\r\nx\r\n--B-"), cut());
    check(&format!("--B\r\n{FIELD}\r\n\r\nx\r\n--B\r\n"), cut());
    check("--B\r\n\r\nx\r\n--B--", Error::NoName);
    let head = |lines: &str, expected: Error| {
        assert_eq!(Head::parse(lines.as_bytes()), Err(expected), "{lines:?}");
    };
    head("Content-Type: text/plain", Error::NoName);
    head("Content-Disposition: form-data", Error::NoName);
    head("Content-Disposition: form-data; filename=x", Error::NoName);
    head("no header", Error::Header("it has no colon"));
    head(
        " folded: x",
        Error::Header("the first line begins with white space"),
    );
    head(
        "A: b\nContent-Disposition: x",
        Error::Header("its line does not end in CRLF"),
    );
    let more = |header: &str| format!("{FIELD}\r\n{header}");
    let twice = Error::Header("it is given more than once");
    head(&more(FIELD), twice.clone());
    head(&more("Content-Type: a/b\r\nContent-Type: a/c"), twice);
    head(
        &more("Content-Type: multipart/mixed; boundary=C"),
        Error::Nested,
    );
    head(
        &more("Content-Transfer-Encoding: base64"),
        Error::TransferEncoding("base64".into()),
    );
    let twice = "a parameter of Content-Disposition is given twice";
    head(&format!("{FIELD}; name=b"), Error::Header(twice));
    head(
        &format!("{FIELD}; filename=b; FileName=c"),
        Error::Header(twice),
    );
    for open in ["filename=\"b", "filename=\"b\\\"; x=y"] {
        let expected = "a quoted string in Content-Disposition has no end";
        head(&format!("{FIELD}; {open}"), Error::Header(expected));
    }
    assert!(Head::parse(format!("{FIELD}; filename=\"b\"c\"").as_bytes()).is_err());
}

#[test]
fn every_length_is_bounded() {
    let longest = |name: &str, bytes: usize| format!("{name}{}", "x".repeat(bytes));
    let head = |lines: &str| Head::parse(lines.as_bytes()).map(drop);
    let field = |bytes| longest("Content-Disposition: form-data; name=", bytes);
    assert_eq!(head(&field(FIELD_NAME_BYTES)), Ok(()));
    assert_eq!(
        head(&field(FIELD_NAME_BYTES + 1)),
        Err(Error::LongFieldName)
    );
    let file = |bytes| longest("Content-Disposition: form-data; name=a; filename=", bytes);
    assert_eq!(head(&file(FILE_NAME_BYTES)), Ok(()));
    assert_eq!(head(&file(FILE_NAME_BYTES + 1)), Err(Error::LongFileName));
    let kind = |bytes| longest(&format!("{FIELD}\r\nContent-Type: text/"), bytes);
    assert_eq!(head(&kind(250)), Ok(()));
    assert!(matches!(head(&kind(251)), Err(Error::LongMediaType(_))));
    let many = |headers: usize| format!("{FIELD}{}", "\r\nX: y".repeat(headers - 1));
    assert_eq!(head(&many(HEADERS)), Ok(()));
    assert_eq!(head(&many(HEADERS + 1)), Err(Error::ManyHeaders));

    // However it is cut, with its rest or without.
    let check = |form: &str, expected: Result<usize, Error>| {
        for size in [1, 1000, form.len()] {
            let found = read(TYPE, form.as_bytes().chunks(size)).map(|parts| parts.len());
            assert_eq!(found, expected, "{} bytes in chunks of {size}", form.len());
        }
    };
    let padded = |bytes: usize| {
        let pad = "x".repeat(bytes - FIELD.len() - "\r\n\r\nX: ".len());
        format!("--B\r\n{FIELD}\r\nX: {pad}\r\n\r\nx\r\n--B--")
    };
    check(&padded(HEAD_BYTES), Ok(1));
    check(&padded(HEAD_BYTES + 1), Err(Error::LongHead));
    check(&longest("--B\r\nX: ", HEAD_BYTES), Err(Error::LongHead));
    let preamble = |bytes: usize| format!("{}\r\n--B--", "x".repeat(bytes - 2));
    check(&preamble(PREAMBLE_BYTES), Ok(0));
    check(
        &preamble(PREAMBLE_BYTES + 1),
        Err(Error::NoPart("B".into())),
    );
    check(
        &longest("--C", PREAMBLE_BYTES),
        Err(Error::NoPart("B".into())),
    );
    check(&longest("--B--", EPILOGUE_BYTES), Ok(0));
    check(
        &longest("--B--", EPILOGUE_BYTES + 1),
        Err(Error::LongEpilogue),
    );
    let padding = |bytes: usize| format!("--B{}\r\n{FIELD}\r\n\r\nx\r\n--B--", " ".repeat(bytes));
    check(&padding(PADDING_BYTES), Ok(1));
    let parts = |count: usize| form(&vec![(FIELD, &b""[..]); count]);
    assert_eq!(
        read_whole(&parts(PARTS)).map(|parts| parts.len()),
        Ok(PARTS)
    );
    assert_eq!(read_whole(&parts(PARTS + 1)), Err(Error::ManyParts));
}
