//! The attributes of a start tag: splits them, checks them and resolves their names.

use hashbrown::HashSet;

use super::chars;
use super::error::Fault;
use super::names::{Name, NameId, Names, Scope, StringId, XML_URI, XMLNS_URI};
use super::options::Limits;
use super::scan::Scanner;
use super::tree::Attribute;

/// Up to this many attributes are compared pairwise.
const MAX_PAIRWISE: usize = 8;

/// An attribute as it is written in the source.
pub(crate) struct RawAttribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// The value contains no references and needs no normalization.
    pub(crate) is_literal: bool,
    /// The offset of the value in the source, unless it comes from an entity.
    pub(crate) source_offset: Option<usize>,
    /// The offset that errors report.
    pub(crate) at: usize,
}

impl RawAttribute<'_> {
    /// Whether it declares a namespace.
    pub(crate) fn is_declaration(&self) -> bool {
        self.name
            .strip_prefix("xmlns")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

/// Splits the part of a start tag that follows the name. `place` is its offset in the source, unless it comes from an
/// entity.
pub(crate) fn split<'a>(
    raw: &'a str,
    place: Option<usize>,
    at: usize,
    limits: &Limits,
    out: &mut Vec<RawAttribute<'a>>,
) -> Result<(), Fault> {
    let mut scanner = Scanner::new(raw);
    let here = |scanner: &Scanner<'_>| place.map_or(at, |place| place + scanner.at());
    let moved = |scanner: &Scanner<'_>, fault: Fault| Fault {
        at: here(scanner),
        ..fault
    };
    loop {
        let spaced = scanner.space();
        if scanner.is_done() {
            return Ok(());
        }
        if !spaced {
            return Err(Fault::new(here(&scanner), "Expected white space."));
        }
        if out.len() == limits.attributes {
            let message = format!("An element has more than {} attributes.", limits.attributes);
            return Err(Fault::over_limit(here(&scanner), message));
        }
        let at = here(&scanner);
        let name = scanner.name().map_err(|fault| moved(&scanner, fault))?;
        scanner.space();
        scanner
            .expect("=")
            .map_err(|fault| moved(&scanner, fault))?;
        scanner.space();
        let begin = scanner.at() + 1;
        let value = scanner.quoted().map_err(|fault| moved(&scanner, fault))?;
        let is_plain = !value
            .bytes()
            .any(|b| matches!(b, b'&' | b'<' | b'\t' | b'\n'));
        out.push(RawAttribute {
            name,
            value,
            is_literal: is_plain,
            source_offset: place.map(|place| place + begin),
            at,
        });
    }
}

/// Rejects forbidden namespace declarations (Namespaces in XML 1.0, sections 3 and 5).
pub(crate) fn check_declaration(
    one: &RawAttribute<'_>,
    prefix: &str,
    uri: &str,
) -> Result<(), Fault> {
    let is_default = one.name == "xmlns";
    let is_xml = prefix == "xml";
    let wrong = prefix == "xmlns"
        || uri == XMLNS_URI
        || is_xml != (uri == XML_URI)
        || (!is_default && (uri.is_empty() || !is_local(prefix)));
    if wrong {
        return Err(Fault::new(
            one.at,
            format!(
                "The namespace declaration {}=\"{uri}\" is not allowed.",
                one.name
            ),
        ));
    }
    Ok(())
}

fn is_local(name: &str) -> bool {
    !name.contains(':') && !name.is_empty() && chars::name_len(name) == name.len()
}

/// Resolves a qualified name.
pub(crate) fn resolve(
    names: &mut Names,
    qualified: &str,
    scope: Scope,
    is_element: bool,
    at: usize,
) -> Result<NameId, Fault> {
    let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
    if !is_local(local) || (prefix.is_empty() && qualified.len() != local.len()) {
        let message = format!("{qualified} is not a valid qualified name.");
        return Err(Fault::new(at, message));
    }
    let prefix_id = names.intern(prefix);
    let uri = match prefix {
        "xml" => names.intern(XML_URI),
        "" if !is_element => StringId::EMPTY,
        _ => names.lookup(scope, prefix_id),
    };
    if !prefix.is_empty() && uri == StringId::EMPTY {
        return Err(Fault::new(
            at,
            format!("The prefix {prefix} is not declared."),
        ));
    }
    let local = names.intern(local);
    Ok(names.intern_name(Name {
        prefix: prefix_id,
        local,
        uri,
    }))
}

/// Rejects two attributes with the same expanded name.
pub(crate) fn check_duplicates(
    attributes: &[Attribute],
    names: &Names,
    at: usize,
) -> Result<(), Fault> {
    let expanded = |attribute: &Attribute| {
        let name = names.get(attribute.name);
        (name.uri, name.local)
    };
    let twin = if attributes.len() <= MAX_PAIRWISE {
        let is_twin = |(n, one): &(usize, &Attribute)| {
            attributes[..*n]
                .iter()
                .any(|other| expanded(other) == expanded(one))
        };
        attributes
            .iter()
            .enumerate()
            .find(is_twin)
            .map(|(_, one)| one)
    } else {
        let mut seen = HashSet::with_capacity(attributes.len());
        attributes.iter().find(|one| !seen.insert(expanded(one)))
    };
    match twin {
        None => Ok(()),
        Some(twin) => {
            let message = format!("Duplicate attribute {}.", names.expanded(twin.name));
            Err(Fault::new(at, message))
        }
    }
}
