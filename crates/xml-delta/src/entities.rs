//! General entities: declared, referred to, and bounded in what they expand to.

use std::cell::Cell;

use hashbrown::HashMap;

use super::chars;
use super::error::Fault;
use super::options::Limits;

/// How deep entities may refer to each other.
pub(crate) const DEPTH: usize = 32;

/// What an entity stands for.
#[derive(Debug)]
pub(crate) enum Entity {
    /// This text.
    Internal(String),
    /// Another file, which is never read.
    External,
    /// Something that is not XML.
    Unparsed,
}

/// The entities of a document.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    all: HashMap<String, Entity>,
    /// There are declarations that were not read, so what is not known may well be declared.
    pub(crate) unread: bool,
    /// There was a reference to a parameter entity, so one that is declared nowhere is no error of form: it is for who
    /// validates to mind, and stands for nothing (section 4.1, "Entity Declared").
    pub(crate) may_lack: bool,
    expanded: Cell<usize>,
}

impl Entities {
    /// Declares one, unless there is one of that name.
    pub(crate) fn declare(&mut self, name: &str, entity: Entity) {
        self.all.entry_ref(name).or_insert(entity);
    }

    /// The text that a reference in content or in an attribute stands for.
    pub(crate) fn text(&self, name: &str, at: usize, limits: &Limits) -> Result<&str, Fault> {
        match self.all.get(name) {
            Some(Entity::Internal(text)) => {
                let expanded = self.expanded.get() + text.len() + name.len();
                self.expanded.set(expanded);
                if expanded > limits.entity_bytes {
                    let message = format!(
                        "The entities expand to more than {} bytes.",
                        limits.entity_bytes
                    );
                    return Err(Fault::over(at, message));
                }
                Ok(text)
            }
            Some(Entity::External) => {
                let message = format!("The entity {name} is in another file, and none is read.");
                Err(Fault::new(at, message))
            }
            Some(Entity::Unparsed) => {
                let message =
                    format!("The entity {name} is not text, and cannot be referred to here.");
                Err(Fault::new(at, message))
            }
            None if self.unread => {
                let message = format!(
                    "The entity {name} is not declared in the document itself, and no other file is read."
                );
                Err(Fault::new(at, message))
            }
            None if self.may_lack => Ok(""),
            None => Err(Fault::new(
                at,
                format!("The entity {name} is not declared."),
            )),
        }
    }

    /// Appends the value of an attribute: references expanded, each white space a space (section 3.3.3).
    pub(crate) fn attribute_value(
        &self,
        raw: &str,
        at: usize,
        out: &mut String,
        limits: &Limits,
    ) -> Result<(), Fault> {
        self.expand(raw, at, out, limits, 0)
    }

    fn expand(
        &self,
        raw: &str,
        at: usize,
        out: &mut String,
        limits: &Limits,
        depth: usize,
    ) -> Result<(), Fault> {
        if depth > DEPTH {
            return Err(Fault::over(
                at,
                "Entities are nested too deep, or refer to themselves.",
            ));
        }
        let mut rest = raw;
        while let Some(found) = rest.find(['&', '<', '\t', '\n', '\r']) {
            out.push_str(&rest[..found]);
            let here = if depth == 0 {
                at + raw.len() - rest.len() + found
            } else {
                at
            };
            rest = &rest[found..];
            match rest.as_bytes()[0] {
                b'<' => {
                    return Err(Fault::new(
                        here,
                        "\"<\" must not stand in the value of an attribute.",
                    ));
                }
                b'&' => {
                    let (reference, after) = reference(rest, here)?;
                    rest = after;
                    match reference {
                        Reference::Char(c) => out.push(c),
                        Reference::Entity(name) => {
                            let text = self.text(name, here, limits)?;
                            self.expand(text, here, out, limits, depth + 1)?;
                        }
                    }
                }
                _ => {
                    out.push(' ');
                    rest = &rest[1..];
                }
            }
        }
        out.push_str(rest);
        Ok(())
    }
}

/// What comes after an ampersand.
#[derive(Debug)]
pub(crate) enum Reference<'a> {
    /// A character, by number or predefined.
    Char(char),
    /// An entity.
    Entity(&'a str),
}

/// Takes the reference that a text begins with, and gives what follows it.
fn reference(text: &str, at: usize) -> Result<(Reference<'_>, &str), Fault> {
    let Some(end) = text.find(';') else {
        return Err(Fault::new(
            at,
            "\"&\" begins a reference, which ends in \";\".",
        ));
    };
    Ok((resolve(&text[1..end], at)?, &text[end + 1..]))
}

/// Tells what is between `&` and `;`.
pub(crate) fn resolve(body: &str, at: usize) -> Result<Reference<'_>, Fault> {
    let predefined = match body {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    };
    if let Some(c) = predefined {
        return Ok(Reference::Char(c));
    }
    let Some(number) = body.strip_prefix('#') else {
        return if !body.is_empty() && chars::name_len(body) == body.len() {
            Ok(Reference::Entity(body))
        } else {
            Err(Fault::new(
                at,
                "\"&\" begins a reference, which is a name and \";\".",
            ))
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    let is_digit = |b: u8| char::from(b).is_digit(radix);
    let value = if digits.bytes().all(is_digit) {
        u32::from_str_radix(digits, radix).ok()
    } else {
        None
    };
    let c = value
        .and_then(char::from_u32)
        .filter(|&c| chars::is_char(c));
    c.map(Reference::Char)
        .ok_or_else(|| Fault::new(at, "This is not the number of a character that is allowed."))
}

/// The text that an entity's literal stands for: characters replaced, references to entities left (section 4.5).
pub(crate) fn literal(raw: &str, at: usize) -> Result<String, Fault> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(found) = rest.find(['&', '%']) {
        out.push_str(&rest[..found]);
        rest = &rest[found..];
        if rest.starts_with('%') {
            return Err(Fault::new(
                at,
                "A parameter entity must not be referred to inside of a declaration.",
            ));
        }
        let (reference, after) = reference(rest, at)?;
        match reference {
            // The predefined ones are references to entities, too, and stay.
            Reference::Char(c) if rest.starts_with("&#") => out.push(c),
            _ => out.push_str(&rest[..rest.len() - after.len()]),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
