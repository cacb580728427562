//! What comes before the root element: the declaration, the document type, comments and processing instructions.

use super::dtd::{self, Dtd};
use super::error::Fault;
use super::options::Limits;
use super::scan::{self, Scanner};

/// A comment or a processing instruction outside of the root element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Aside {
    Comment(String),
    Instruction(String),
}

/// Everything before the root element.
pub(crate) struct Prolog {
    pub(crate) dtd: Dtd,
    /// Whether there is a document type declaration.
    pub(crate) has_doctype: bool,
    pub(crate) asides: Vec<Aside>,
    /// Where the root element begins, or what should be one.
    pub(crate) end: usize,
}

/// Whether the XML declaration says that the document is in XML 1.1, which allows fewer characters.
pub(crate) fn is_xml_1_1(text: &str) -> bool {
    let declaration = declaration(&mut Scanner::new(text));
    declaration.is_ok_and(|one| one.is_some_and(|one| one.version == "1.1"))
}

/// The encoding that the XML declaration names, if it has a declaration that gets that far.
pub(crate) fn declared_encoding(text: &str) -> Option<&str> {
    let mut scanner = Scanner::new(text);
    let declaration = declaration(&mut scanner).ok()?;
    declaration?.encoding
}

struct Declaration<'a> {
    version: &'a str,
    encoding: Option<&'a str>,
    standalone: bool,
}

/// Reads the prolog of a document.
pub(crate) fn read(text: &str, limits: &Limits) -> Result<Prolog, Fault> {
    let mut scanner = Scanner::new(text);
    let declaration = declaration(&mut scanner)?;
    let standalone = declaration.is_some_and(|one| one.standalone);
    let mut dtd = None;
    let mut asides = Vec::new();
    loop {
        scanner.space();
        let at = scanner.at();
        if scanner.eat("<!--") {
            let comment = scanner.until("-->")?;
            scan::check_comment(comment, at)?;
            asides.push(Aside::Comment(comment.to_owned()));
        } else if scanner.eat("<?") {
            let (target, data) = scan::instruction(scanner.until("?>")?, at)?;
            asides.push(Aside::Instruction(join(target, data)));
        } else if scanner.looking_at("<!DOCTYPE") && dtd.is_none() {
            dtd = Some(dtd::read(&mut scanner, standalone, limits)?);
        } else {
            return Ok(Prolog {
                has_doctype: dtd.is_some(),
                dtd: dtd.unwrap_or_default(),
                asides,
                end: at,
            });
        }
    }
}

/// A processing instruction as it is kept: one space between target and data.
pub(crate) fn join(target: &str, data: &str) -> String {
    if data.is_empty() {
        target.to_owned()
    } else {
        format!("{target} {data}")
    }
}

fn declaration<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Declaration<'a>>, Fault> {
    let follows = |b: &u8| super::chars::is_space(*b);
    if !scanner.looking_at("<?xml") || !scanner.rest().as_bytes().get(5).is_some_and(follows) {
        return Ok(None);
    }
    scanner.expect("<?xml")?;
    let version = pseudo(scanner, "version")?
        .ok_or_else(|| scanner.fault("An XML declaration begins with a version."))?;
    let minor = version.strip_prefix("1.");
    if !minor.is_some_and(|m| !m.is_empty() && m.bytes().all(|b| b.is_ascii_digit())) {
        return Err(scanner.fault("The version of XML is 1.0."));
    }
    let encoding = pseudo(scanner, "encoding")?;
    if !encoding.is_none_or(is_encoding_name) {
        return Err(scanner.fault("This is not the name of an encoding."));
    }
    let standalone = pseudo(scanner, "standalone")?;
    if !matches!(standalone, None | Some("yes" | "no")) {
        return Err(scanner.fault("standalone is \"yes\" or \"no\"."));
    }
    scanner.space();
    scanner.expect("?>")?;
    Ok(Some(Declaration {
        version,
        encoding,
        standalone: standalone == Some("yes"),
    }))
}

/// `name="value"` after white space, if it is next.
fn pseudo<'a>(scanner: &mut Scanner<'a>, name: &str) -> Result<Option<&'a str>, Fault> {
    let spaces = [' ', '\t', '\n', '\r'];
    if !scanner.rest().trim_start_matches(spaces).starts_with(name) {
        return Ok(None);
    }
    scanner.need_space()?;
    scanner.expect(name)?;
    scanner.space();
    scanner.expect("=")?;
    scanner.space();
    scanner.quoted().map(Some)
}

fn is_encoding_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
