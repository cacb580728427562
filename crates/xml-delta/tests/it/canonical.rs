//! A text form that is equal exactly if the exclusive canonical XML is equal, for documents without a document type.
//! It is independent of the library's own parser.

use std::fmt::Write;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceResolver, QName, ResolveResult};
use quick_xml::reader::NsReader;

/// The root element: prefixes, namespaces, attributes by name, text in one piece.
pub(super) fn canonical(document: &str) -> String {
    // Parsers normalize line ends (XML 1.0, section 2.11).
    let document = document.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = NsReader::from_str(&document);
    let mut out = String::new();
    let mut depth = 0;
    loop {
        match reader.read_event().expect("a well-formed document") {
            Event::Start(tag) => {
                start(&mut out, &tag, reader.resolver());
                depth += 1;
            }
            Event::Empty(tag) => {
                start(&mut out, &tag, reader.resolver());
                out.push_str("</>");
            }
            Event::End(_) => {
                out.push_str("</>");
                depth -= 1;
            }
            Event::Text(text) if depth > 0 => text_of(&mut out, &text),
            Event::CData(data) => text_of(&mut out, &data),
            Event::GeneralRef(reference) => text_of(&mut out, &character(&reference).to_string()),
            Event::Comment(text) if depth > 0 => {
                write!(out, "<!--{}-->", &*text).expect("a string");
            }
            Event::PI(text) if depth > 0 => write!(out, "<?{}?>", &*text).expect("a string"),
            Event::Eof => return out,
            _ => {}
        }
    }
}

fn text_of(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

fn character(reference: &BytesRef<'_>) -> char {
    match reference.resolve_char_ref().expect("a number") {
        Some(c) => c,
        None => match &**reference {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            other => panic!("the entity {other}"),
        },
    }
}

fn uri(resolved: ResolveResult<'_>) -> String {
    match resolved {
        ResolveResult::Bound(namespace) => namespace.0.to_owned(),
        ResolveResult::Unbound => String::new(),
        ResolveResult::Unknown(prefix) => panic!("the prefix {prefix} is not declared"),
    }
}

fn start(out: &mut String, tag: &BytesStart<'_>, resolver: &NamespaceResolver) {
    let name = tag.name();
    write!(
        out,
        "<{{{}}}{}",
        uri(resolver.resolve_element(name).0),
        name.0
    )
    .expect("a string");
    let mut attributes: Vec<(String, String, String)> = Vec::new();
    for attribute in tag.attributes() {
        let attribute = attribute.expect("an attribute");
        let QName(key) = attribute.key;
        if key == "xmlns" || key.starts_with("xmlns:") {
            continue;
        }
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .expect("a value");
        let namespace = uri(resolver.resolve_attribute(attribute.key).0);
        attributes.push((namespace, key.to_owned(), value.into_owned()));
    }
    attributes.sort();
    for (namespace, key, value) in attributes {
        write!(out, " {{{namespace}}}{key}={value:?}").expect("a string");
    }
    out.push('>');
}
