//! The prolog: XML declaration, document type declaration, comments and processing instructions.

use super::dtd::{self, Dtd};
use super::error::Fault;
use super::options::Limits;
use super::scan::{self, Scanner};

/// A comment, processing instruction or document type declaration outside the root element.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Misc {
    Comment(String),
    Instruction(String),
    /// The document type declaration, as it is written.
    Doctype(String),
}

/// The prolog of a document.
pub(crate) struct Prolog {
    pub(crate) dtd: Dtd,
    pub(crate) misc: Vec<Misc>,
    /// The offset of the root element.
    pub(crate) end: usize,
}

/// Whether the XML declaration states version 1.1, which allows fewer literal characters.
pub(crate) fn is_xml_1_1(text: &str) -> bool {
    let declaration = declaration(&mut Scanner::new(text));
    declaration.is_ok_and(|one| one.is_some_and(|one| one.version == "1.1"))
}

/// The encoding in the XML declaration, if there is one.
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

/// Parses the prolog, with the external subset of the document type if it is known.
pub(crate) fn read(
    text: &str,
    external_subset: Option<&str>,
    limits: &Limits,
) -> Result<Prolog, Fault> {
    let mut scanner = Scanner::new(text);
    let declaration = declaration(&mut scanner)?;
    let standalone = declaration.is_some_and(|one| one.standalone);
    let mut dtd = None;
    let mut misc = Vec::new();
    loop {
        scanner.space();
        let at = scanner.at();
        if scanner.take_if("<!--") {
            let comment = scanner.take_until("-->")?;
            scan::check_comment(comment, at)?;
            misc.push(Misc::Comment(comment.to_owned()));
        } else if scanner.take_if("<?") {
            let (target, data) = scan::instruction(scanner.take_until("?>")?, at)?;
            misc.push(Misc::Instruction(instruction_text(target, data)));
        } else if scanner.starts_with("<!DOCTYPE") && dtd.is_none() {
            dtd = Some(dtd::read(
                &mut scanner,
                standalone,
                external_subset,
                limits,
            )?);
            misc.push(Misc::Doctype(text[at..scanner.at()].to_owned()));
        } else {
            return Ok(Prolog {
                dtd: dtd.unwrap_or_default(),
                misc,
                end: at,
            });
        }
    }
}

/// The normalized text of a processing instruction: one space between target and data.
pub(crate) fn instruction_text(target: &str, data: &str) -> String {
    if data.is_empty() {
        target.to_owned()
    } else {
        format!("{target} {data}")
    }
}

fn declaration<'a>(scanner: &mut Scanner<'a>) -> Result<Option<Declaration<'a>>, Fault> {
    let follows = |b: &u8| super::chars::is_space(*b);
    if !scanner.starts_with("<?xml") || !scanner.rest().as_bytes().get(5).is_some_and(follows) {
        return Ok(None);
    }
    scanner.expect("<?xml")?;
    let version = pseudo_attribute(scanner, "version")?
        .ok_or_else(|| scanner.fault("The XML declaration must begin with version=\"1.0\"."))?;
    let minor = version.strip_prefix("1.");
    if !minor.is_some_and(|m| !m.is_empty() && m.bytes().all(|b| b.is_ascii_digit())) {
        return Err(scanner.fault("Unsupported XML version; expected \"1.0\"."));
    }
    let encoding = pseudo_attribute(scanner, "encoding")?;
    if !encoding.is_none_or(is_encoding_name) {
        return Err(scanner.fault("Invalid encoding name in the XML declaration."));
    }
    let standalone = pseudo_attribute(scanner, "standalone")?;
    if !matches!(standalone, None | Some("yes" | "no")) {
        return Err(scanner.fault("Invalid value of standalone; expected \"yes\" or \"no\"."));
    }
    scanner.space();
    scanner.expect("?>")?;
    Ok(Some(Declaration {
        version,
        encoding,
        standalone: standalone == Some("yes"),
    }))
}

/// Parses `name="value"` after white space, if it is next.
fn pseudo_attribute<'a>(scanner: &mut Scanner<'a>, name: &str) -> Result<Option<&'a str>, Fault> {
    let spaces = [' ', '\t', '\n', '\r'];
    if !scanner.rest().trim_start_matches(spaces).starts_with(name) {
        return Ok(None);
    }
    scanner.require_space()?;
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
