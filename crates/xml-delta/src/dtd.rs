//! The document type declaration: its syntax is checked, its entities and attribute types are kept.
//!
//! Nothing outside of the document is ever read, and no default of an attribute is added.

use hashbrown::{HashMap, HashSet};

use super::entities::{self, Entities, Entity};
use super::error::Fault;
use super::options::Limits;
use super::scan::{self, Scanner};

/// How deep parameter entities may refer to each other.
const DEPTH: usize = 16;
const TOKENIZED: [&str; 7] = [
    "IDREFS", "IDREF", "ID", "ENTITIES", "ENTITY", "NMTOKENS", "NMTOKEN",
];

/// What a document type says that matters to who does not validate.
#[derive(Debug, Default)]
pub(crate) struct Dtd {
    pub(crate) entities: Entities,
    /// Attributes whose values are lists of tokens, by element and name.
    tokenized: HashSet<(String, String)>,
}

impl Dtd {
    /// Whether the spaces in an attribute only separate.
    pub(crate) fn is_tokenized(&self, element: &str, attribute: &str) -> bool {
        !self.tokenized.is_empty()
            && self
                .tokenized
                .contains(&(element.to_owned(), attribute.to_owned()))
    }
}

/// Reads a document type declaration.
pub(crate) fn read(
    scanner: &mut Scanner<'_>,
    standalone: bool,
    limits: &Limits,
) -> Result<Dtd, Fault> {
    scanner.expect("<!DOCTYPE")?;
    scanner.need_space()?;
    scanner.name()?;
    let mut reader = Reader {
        dtd: Dtd::default(),
        parameters: HashMap::new(),
        declared: HashSet::new(),
        standalone,
        silent: false,
        expanded: 0,
        limits,
    };
    let spaced = scanner.space();
    if scanner.looking_at("SYSTEM") || scanner.looking_at("PUBLIC") {
        if !spaced {
            return Err(scanner.fault("White space is expected here."));
        }
        external_id(scanner, false)?;
        reader.dtd.entities.unread = true;
        scanner.space();
    }
    if scanner.eat("[") {
        reader.subset(scanner, 0)?;
        scanner.expect("]")?;
        scanner.space();
    }
    scanner.expect(">")?;
    reader.dtd.entities.unread &= !standalone;
    reader.dtd.entities.may_lack &= !standalone;
    Ok(reader.dtd)
}

struct Reader<'l> {
    dtd: Dtd,
    /// Parameter entities; none for an external one.
    parameters: HashMap<String, Option<String>>,
    /// Attributes that have a type already: the first declaration counts.
    declared: HashSet<(String, String)>,
    standalone: bool,
    /// Something was not read that may have declared what follows: declarations are checked but not heeded.
    silent: bool,
    expanded: usize,
    limits: &'l Limits,
}

impl Reader<'_> {
    fn subset(&mut self, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), Fault> {
        loop {
            scanner.space();
            let at = scanner.place();
            if scanner.is_done() || scanner.looking_at("]") {
                return Ok(());
            } else if scanner.eat("<!--") {
                scan::check_comment(scanner.until("-->")?, at)?;
            } else if scanner.eat("<?") {
                scan::instruction(scanner.until("?>")?, at)?;
            } else if scanner.eat("%") {
                self.parameter(scanner, depth)?;
            } else if scanner.eat("<!ENTITY") {
                self.entity(scanner)?;
            } else if scanner.eat("<!ATTLIST") {
                self.attributes(scanner)?;
            } else if scanner.eat("<!ELEMENT") {
                element(scanner)?;
            } else if scanner.eat("<!NOTATION") {
                scanner.need_space()?;
                scanner.plain_name()?;
                scanner.need_space()?;
                external_id(scanner, true)?;
                end(scanner)?;
            } else {
                return Err(scanner.fault("A declaration is expected here."));
            }
        }
    }

    fn parameter(&mut self, scanner: &mut Scanner<'_>, depth: usize) -> Result<(), Fault> {
        let place = scanner.place();
        let name = scanner.name()?;
        scanner.expect(";")?;
        self.dtd.entities.may_lack = true;
        match self.parameters.get(name) {
            Some(Some(text)) => {
                let text = text.clone();
                self.expanded += text.len();
                if depth == DEPTH || self.expanded > self.limits.entity_bytes {
                    return Err(Fault::over(
                        place,
                        "Parameter entities are nested too deep or are too long.",
                    ));
                }
                let mut inner = Scanner::of_entity(&text, place);
                self.subset(&mut inner, depth + 1)?;
                if inner.is_done() {
                    Ok(())
                } else {
                    Err(Fault::new(
                        place,
                        "A parameter entity holds whole declarations.",
                    ))
                }
            }
            None if self.standalone => Err(Fault::new(
                place,
                format!("The parameter entity {name} is not declared."),
            )),
            // Elsewhere, or nowhere, which is for who validates to mind.
            Some(None) | None => {
                self.dtd.entities.unread = true;
                self.silent = !self.standalone;
                Ok(())
            }
        }
    }

    fn entity(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        scanner.need_space()?;
        let is_parameter = scanner.eat("%");
        if is_parameter {
            scanner.need_space()?;
        }
        let name = scanner.plain_name()?;
        scanner.need_space()?;
        let entity = if scanner.looking_at("SYSTEM") || scanner.looking_at("PUBLIC") {
            external_id(scanner, false)?;
            let spaced = scanner.space();
            if !is_parameter && scanner.looking_at("NDATA") {
                if !spaced {
                    return Err(scanner.fault("White space is expected here."));
                }
                scanner.expect("NDATA")?;
                scanner.need_space()?;
                scanner.plain_name()?;
                Entity::Unparsed
            } else {
                Entity::External
            }
        } else {
            let place = scanner.place();
            Entity::Internal(entities::literal(scanner.quoted()?, place)?)
        };
        end(scanner)?;
        if self.silent {
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
        scanner.need_space()?;
        let element = scanner.name()?;
        loop {
            let spaced = scanner.space();
            if scanner.eat(">") {
                return Ok(());
            }
            if !spaced {
                return Err(scanner.fault("White space is expected here."));
            }
            let name = scanner.name()?;
            scanner.need_space()?;
            let is_tokenized = attribute_type(scanner)?;
            scanner.need_space()?;
            self.default(scanner)?;
            let key = (element.to_owned(), name.to_owned());
            if !self.silent && self.declared.insert(key.clone()) && is_tokenized {
                self.dtd.tokenized.insert(key);
            }
        }
    }

    fn default(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        if scanner.eat("#REQUIRED") || scanner.eat("#IMPLIED") {
            return Ok(());
        }
        if scanner.eat("#FIXED") {
            scanner.need_space()?;
        }
        let place = scanner.place();
        let value = scanner.quoted()?;
        let mut unused = String::new();
        self.dtd
            .entities
            .attribute_value(value, place, &mut unused, self.limits)
    }
}

/// `SYSTEM "..."` or `PUBLIC "..." "..."`; the latter without its second part where `public_alone`.
fn external_id(scanner: &mut Scanner<'_>, public_alone: bool) -> Result<(), Fault> {
    if scanner.eat("SYSTEM") {
        scanner.need_space()?;
        return scanner.quoted().map(drop);
    }
    scanner.expect("PUBLIC")?;
    scanner.need_space()?;
    let odd = |b: u8| !b.is_ascii_alphanumeric() && !b" \n-'()+,./:=?;!*#@$_%\r".contains(&b);
    let fault = scanner.fault("This is not a public identifier.");
    if scanner.quoted()?.bytes().any(odd) {
        return Err(fault);
    }
    let spaced = scanner.space();
    if public_alone && scanner.looking_at(">") {
        return Ok(());
    }
    if !spaced {
        return Err(scanner.fault("White space is expected here."));
    }
    scanner.quoted().map(drop)
}

fn end(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    scanner.space();
    scanner.expect(">")
}

/// Whether values of the type are lists of tokens.
fn attribute_type(scanner: &mut Scanner<'_>) -> Result<bool, Fault> {
    if scanner.eat("CDATA") {
        return Ok(false);
    }
    if TOKENIZED.iter().any(|word| scanner.eat(word)) {
        return Ok(true);
    }
    let are_names = scanner.eat("NOTATION");
    if are_names {
        scanner.need_space()?;
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
        if scanner.eat(")") {
            return Ok(true);
        }
        scanner.expect("|")?;
    }
}

fn element(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    scanner.need_space()?;
    scanner.name()?;
    scanner.need_space()?;
    if !scanner.eat("EMPTY") && !scanner.eat("ANY") {
        scanner.expect("(")?;
        scanner.space();
        if scanner.eat("#PCDATA") {
            mixed(scanner)?;
        } else {
            children(scanner)?;
        }
    }
    end(scanner)
}

fn mixed(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    let mut has_names = false;
    loop {
        scanner.space();
        if scanner.eat(")") {
            return if scanner.eat("*") || !has_names {
                Ok(())
            } else {
                Err(scanner.fault("\"*\" is expected here."))
            };
        }
        scanner.expect("|")?;
        scanner.space();
        scanner.name()?;
        has_names = true;
    }
}

/// A content model after its first parenthesis.
fn children(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    // What separates the parts of each group that is open, once it is known.
    let mut open: Vec<Option<&str>> = vec![None];
    loop {
        scanner.space();
        if scanner.eat("(") {
            open.push(None);
            continue;
        }
        scanner.name()?;
        repeat(scanner);
        loop {
            scanner.space();
            let group = open.last_mut().expect("the first is closed last");
            if scanner.eat(")") {
                repeat(scanner);
                open.pop();
                if open.is_empty() {
                    return Ok(());
                }
                continue;
            }
            let separator = if scanner.looking_at("|") { "|" } else { "," };
            if group.is_some_and(|one| one != separator) {
                return Err(scanner.fault("A group has either \",\" or \"|\" between its parts."));
            }
            scanner.expect(separator)?;
            *group = Some(separator);
            break;
        }
    }
}

fn repeat(scanner: &mut Scanner<'_>) {
    let _ = scanner.eat("?") || scanner.eat("*") || scanner.eat("+");
}
