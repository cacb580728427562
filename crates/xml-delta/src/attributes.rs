//! The attributes of a start tag: split, checked, and their names resolved.

use hashbrown::HashSet;

use super::chars;
use super::error::Fault;
use super::names::{Name, NameId, Names, Scope, Text, XML_URI, XMLNS_URI};
use super::options::Limits;
use super::scan::Scanner;
use super::tree::Attribute;

/// Up to this many attributes are compared one with the other.
const FEW: usize = 8;

/// An attribute as it is written.
pub(crate) struct Written<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
    /// The value is what it is written as.
    pub(crate) is_plain: bool,
    /// Where the value is in the source, if it is there.
    pub(crate) place: Option<usize>,
    /// Where faults are said to be.
    pub(crate) at: usize,
}

impl Written<'_> {
    /// Whether it declares a namespace.
    pub(crate) fn is_declaration(&self) -> bool {
        self.name
            .strip_prefix("xmlns")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

/// Splits what follows the name in a start tag. `place` is where that is in the source, if it is there.
pub(crate) fn split<'a>(
    raw: &'a str,
    place: Option<usize>,
    at: usize,
    limits: &Limits,
    out: &mut Vec<Written<'a>>,
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
            return Err(Fault::new(here(&scanner), "White space is expected here."));
        }
        if out.len() == limits.attributes {
            let message = format!("An element has more than {} attributes.", limits.attributes);
            return Err(Fault::over(here(&scanner), message));
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
        out.push(Written {
            name,
            value,
            is_plain,
            place: place.map(|place| place + begin),
            at,
        });
    }
}

/// Refuses what must not be declared (Namespaces in XML 1.0, sections 3 and 5).
pub(crate) fn check_declaration(one: &Written<'_>, prefix: &str, uri: &str) -> Result<(), Fault> {
    let is_default = one.name == "xmlns";
    let is_xml = prefix == "xml";
    let wrong = prefix == "xmlns"
        || uri == XMLNS_URI
        || is_xml != (uri == XML_URI)
        || (!is_default && (uri.is_empty() || !is_local(prefix)));
    if wrong {
        return Err(Fault::new(
            one.at,
            format!("{}=\"{uri}\" declares what must not be declared.", one.name),
        ));
    }
    Ok(())
}

fn is_local(name: &str) -> bool {
    !name.contains(':') && !name.is_empty() && chars::name_len(name) == name.len()
}

/// The name that a prefix and a local part stand for.
pub(crate) fn resolve(
    names: &mut Names,
    qualified: &str,
    scope: Scope,
    is_element: bool,
    at: usize,
) -> Result<NameId, Fault> {
    let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
    if !is_local(local) || (prefix.is_empty() && qualified.len() != local.len()) {
        let message = format!("{qualified} is not a name with at most one prefix.");
        return Err(Fault::new(at, message));
    }
    let prefix_id = names.text(prefix);
    let uri = match prefix {
        "xml" => names.text(XML_URI),
        "" if !is_element => Text::EMPTY,
        _ => names.lookup(scope, prefix_id),
    };
    if !prefix.is_empty() && uri == Text::EMPTY {
        return Err(Fault::new(
            at,
            format!("The prefix {prefix} is not declared."),
        ));
    }
    let local = names.text(local);
    Ok(names.name(Name {
        prefix: prefix_id,
        local,
        uri,
    }))
}

/// Refuses two attributes of the same expanded name.
pub(crate) fn refuse_twins(
    attributes: &[Attribute],
    names: &Names,
    at: usize,
) -> Result<(), Fault> {
    let expanded = |attribute: &Attribute| {
        let name = names.get(attribute.name);
        (name.uri, name.local)
    };
    let twin = if attributes.len() <= FEW {
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
            let message = format!(
                "The attribute {} is given twice.",
                names.expanded(twin.name)
            );
            Err(Fault::new(at, message))
        }
    }
}
