//! Parses the document type declaration, and keeps entities and attribute types.
//!
//! Nothing outside the document is opened, and default values of attributes are not added.

use hashbrown::{HashMap, HashSet};

use super::entities::{self, Entities, Entity};
use super::error::Fault;
use super::options::Limits;
use super::scan::{self, Scanner};

/// Maximum nesting of parameter entities.
pub(super) const MAX_PARAMETER_DEPTH: usize = 16;
const TOKENIZED_TYPES: [&str; 7] = [
    "IDREFS", "IDREF", "ID", "ENTITIES", "ENTITY", "NMTOKENS", "NMTOKEN",
];

/// The declarations that matter to a non-validating parser.
#[derive(Debug, Default)]
pub(crate) struct Dtd {
    pub(crate) entities: Entities,
    /// Attributes with tokenized types, by element and name.
    tokenized: HashSet<(String, String)>,
}

impl Dtd {
    /// Whether an attribute has a tokenized type.
    pub(crate) fn is_tokenized(&self, element: &str, attribute: &str) -> bool {
        !self.tokenized.is_empty()
            && self
                .tokenized
                .contains(&(element.to_owned(), attribute.to_owned()))
    }
}

/// Parses a document type declaration, with the text of its external subset if that is known.
pub(crate) fn read(
    scanner: &mut Scanner<'_>,
    standalone: bool,
    external_subset: Option<&str>,
    limits: &Limits,
) -> Result<Dtd, Fault> {
    scanner.expect("<!DOCTYPE")?;
    scanner.require_space()?;
    scanner.name()?;
    let mut reader = Reader {
        dtd: Dtd::default(),
        parameters: HashMap::new(),
        declared: HashSet::new(),
        standalone,
        ignores_declarations: false,
        expanded: 0,
        limits,
    };
    let spaced = scanner.space();
    let has_external_subset = scanner.starts_with("SYSTEM") || scanner.starts_with("PUBLIC");
    if has_external_subset {
        if !spaced {
            return Err(scanner.fault("Expected white space."));
        }
        external_id(scanner, false)?;
        reader.dtd.entities.has_unread_declarations = true;
        scanner.space();
    }
    if scanner.take_if("[") {
        reader.subset(scanner, 0)?;
        scanner.expect("]")?;
        scanner.space();
    }
    if let Some(text) = external_subset.filter(|_| has_external_subset && !standalone) {
        reader.external_subset(text, scanner.place())?;
    }
    scanner.expect(">")?;
    reader.dtd.entities.has_unread_declarations &= !standalone;
    reader.dtd.entities.undeclared_is_allowed &= !standalone;
    Ok(reader.dtd)
}

pub(super) struct Reader<'l> {
    pub(super) dtd: Dtd,
    /// Parameter entities; `None` for external ones.
    pub(super) parameters: HashMap<String, Option<String>>,
    /// Attributes that were declared already: the first declaration counts.
    declared: HashSet<(String, String)>,
    standalone: bool,
    /// Declarations after an unread parameter entity are checked but not used (XML 1.0, section 5.1).
    pub(super) ignores_declarations: bool,
    pub(super) expanded: usize,
    pub(super) limits: &'l Limits,
}

impl Reader<'_> {
    fn subset(&mut self, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), Fault> {
        loop {
            scanner.space();
            let at = scanner.place();
            if scanner.is_done() || scanner.starts_with("]") {
                return Ok(());
            } else if scanner.take_if("<!--") {
                scan::check_comment(scanner.take_until("-->")?, at)?;
            } else if scanner.take_if("<?") {
                scan::instruction(scanner.take_until("?>")?, at)?;
            } else if scanner.take_if("%") {
                self.parameter(scanner, depth)?;
            } else if scanner.take_if("<!ENTITY") {
                self.entity(scanner)?;
            } else if scanner.take_if("<!ATTLIST") {
                self.attributes(scanner)?;
            } else if scanner.take_if("<!ELEMENT") {
                element(scanner)?;
            } else if scanner.take_if("<!NOTATION") {
                scanner.require_space()?;
                scanner.plain_name()?;
                scanner.require_space()?;
                external_id(scanner, true)?;
                end_of_declaration(scanner)?;
            } else {
                return Err(scanner.fault("Expected a declaration."));
            }
        }
    }

    fn parameter(&mut self, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), Fault> {
        let place = scanner.place();
        let name = scanner.name()?;
        scanner.expect(";")?;
        self.dtd.entities.undeclared_is_allowed = true;
        match self.parameters.get(name) {
            Some(Some(text)) => {
                let text = text.clone();
                self.expanded += text.len();
                if depth == MAX_PARAMETER_DEPTH || self.expanded > self.limits.entity_bytes {
                    return Err(Fault::over_limit(
                        place,
                        "Parameter entities are nested too deeply or are too long.",
                    ));
                }
                let mut inner = Scanner::of_entity(&text, place);
                self.subset(&mut inner, depth + 1)?;
                if inner.is_done() {
                    Ok(())
                } else {
                    Err(Fault::new(
                        place,
                        "A parameter entity must contain complete declarations.",
                    ))
                }
            }
            None if self.standalone => Err(Fault::new(
                place,
                format!("The parameter entity {name} is not declared."),
            )),
            // External or undeclared: only a validity error.
            Some(None) | None => {
                self.dtd.entities.has_unread_declarations = true;
                self.ignores_declarations = !self.standalone;
                Ok(())
            }
        }
    }

    fn entity(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        scanner.require_space()?;
        let is_parameter = scanner.take_if("%");
        if is_parameter {
            scanner.require_space()?;
        }
        let name = scanner.plain_name()?;
        scanner.require_space()?;
        let entity = if scanner.starts_with("SYSTEM") || scanner.starts_with("PUBLIC") {
            external_id(scanner, false)?;
            let spaced = scanner.space();
            if !is_parameter && scanner.starts_with("NDATA") {
                if !spaced {
                    return Err(scanner.fault("Expected white space."));
                }
                scanner.expect("NDATA")?;
                scanner.require_space()?;
                scanner.plain_name()?;
                Entity::Unparsed
            } else {
                Entity::External
            }
        } else {
            let place = scanner.place();
            Entity::Internal(entities::literal(scanner.quoted()?, place)?)
        };
        end_of_declaration(scanner)?;
        if self.ignores_declarations {
            return Ok(());
        }
        if is_parameter {
            let text = match entity {
                Entity::Internal(text) => Some(text),
                _ => None,
            };
            self.parameters.entry_ref(name).or_insert(text);
        } else {
            self.dtd.entities.declare(name, entity);
        }
        Ok(())
    }

    fn attributes(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        scanner.require_space()?;
        let element = scanner.name()?;
        loop {
            let spaced = scanner.space();
            if scanner.take_if(">") {
                return Ok(());
            }
            if !spaced {
                return Err(scanner.fault("Expected white space."));
            }
            let name = scanner.name()?;
            scanner.require_space()?;
            let is_tokenized = attribute_type(scanner)?;
            scanner.require_space()?;
            self.default(scanner)?;
            let key = (element.to_owned(), name.to_owned());
            if !self.ignores_declarations && self.declared.insert(key.clone()) && is_tokenized {
                self.dtd.tokenized.insert(key);
            }
        }
    }

    fn default(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        if scanner.take_if("#REQUIRED") || scanner.take_if("#IMPLIED") {
            return Ok(());
        }
        if scanner.take_if("#FIXED") {
            scanner.require_space()?;
        }
        let place = scanner.place();
        let value = scanner.quoted()?;
        let mut unused = String::new();
        self.dtd
            .entities
            .attribute_value(value, place, &mut unused, self.limits)
    }
}

/// Parses `SYSTEM "..."` or `PUBLIC "..." "..."`; the system identifier is optional with `allows_public_only`.
fn external_id(scanner: &mut Scanner<'_>, allows_public_only: bool) -> Result<(), Fault> {
    if scanner.take_if("SYSTEM") {
        scanner.require_space()?;
        return scanner.quoted().map(drop);
    }
    scanner.expect("PUBLIC")?;
    scanner.require_space()?;
    let odd = |b: u8| !b.is_ascii_alphanumeric() && !b" \n-'()+,./:=?;!*#@$_%\r".contains(&b);
    let fault = scanner.fault("Invalid public identifier.");
    if scanner.quoted()?.bytes().any(odd) {
        return Err(fault);
    }
    let spaced = scanner.space();
    if allows_public_only && scanner.starts_with(">") {
        return Ok(());
    }
    if !spaced {
        return Err(scanner.fault("Expected white space."));
    }
    scanner.quoted().map(drop)
}

fn end_of_declaration(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    scanner.space();
    scanner.expect(">")
}

/// Parses an attribute type and returns whether it is tokenized.
fn attribute_type(scanner: &mut Scanner<'_>) -> Result<bool, Fault> {
    if scanner.take_if("CDATA") {
        return Ok(false);
    }
    if TOKENIZED_TYPES.iter().any(|word| scanner.take_if(word)) {
        return Ok(true);
    }
    let are_names = scanner.take_if("NOTATION");
    if are_names {
        scanner.require_space()?;
    }
    scanner.expect("(")?;
    loop {
        scanner.space();
        if are_names {
            scanner.plain_name()?;
        } else {
            scanner.token()?;
        }
        scanner.space();
        if scanner.take_if(")") {
            return Ok(true);
        }
        scanner.expect("|")?;
    }
}

fn element(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    scanner.require_space()?;
    scanner.name()?;
    scanner.require_space()?;
    if !scanner.take_if("EMPTY") && !scanner.take_if("ANY") {
        scanner.expect("(")?;
        scanner.space();
        if scanner.take_if("#PCDATA") {
            mixed_model(scanner)?;
        } else {
            content_model(scanner)?;
        }
    }
    end_of_declaration(scanner)
}

fn mixed_model(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    let mut has_names = false;
    loop {
        scanner.space();
        if scanner.take_if(")") {
            return if scanner.take_if("*") || !has_names {
                Ok(())
            } else {
                Err(scanner.fault("Expected \"*\"."))
            };
        }
        scanner.expect("|")?;
        scanner.space();
        scanner.name()?;
        has_names = true;
    }
}

/// Parses a content model after its opening parenthesis.
fn content_model(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    // The separator of each open group, once it is known.
    let mut open: Vec<Option<&str>> = vec![None];
    loop {
        scanner.space();
        if scanner.take_if("(") {
            open.push(None);
            continue;
        }
        scanner.name()?;
        repetition(scanner);
        loop {
            scanner.space();
            let group = open.last_mut().expect("the first is closed last");
            if scanner.take_if(")") {
                repetition(scanner);
                open.pop();
                if open.is_empty() {
                    return Ok(());
                }
                continue;
            }
            let separator = if scanner.starts_with("|") { "|" } else { "," };
            if group.is_some_and(|one| one != separator) {
                return Err(scanner.fault("A group must use either \",\" or \"|\" as separator."));
            }
            scanner.expect(separator)?;
            *group = Some(separator);
            break;
        }
    }
}

fn repetition(scanner: &mut Scanner<'_>) {
    let _ = scanner.take_if("?") || scanner.take_if("*") || scanner.take_if("+");
}
