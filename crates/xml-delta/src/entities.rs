//! General entities: declarations, references and limits of expansion.

use std::cell::Cell;

use hashbrown::HashMap;

use super::chars;
use super::error::Fault;
use super::options::Limits;

/// Enclose the name of an entity whose declaration was not read, in text: no document can contain these characters.
pub(crate) const REFERENCE_START: u8 = 1;
pub(crate) const REFERENCE_END: u8 = 2;

/// Maximum nesting of entities.
pub(crate) const MAX_ENTITY_DEPTH: usize = 32;

/// The declaration of an entity.
#[derive(Debug)]
pub(crate) enum Entity {
    /// Replacement text.
    Internal(String),
    /// An external entity, which is never read.
    External,
    /// An unparsed entity.
    Unparsed,
}

/// The declared entities of a document.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    all: HashMap<String, Entity>,
    /// Some declarations were not read, so an undeclared entity may be declared there.
    pub(crate) has_unread_declarations: bool,
    /// There was a reference to a parameter entity, so an undeclared entity is only a validity error and expands to
    /// nothing (section 4.1, "Entity Declared").
    pub(crate) undeclared_is_allowed: bool,
    expanded: Cell<usize>,
}

impl Entities {
    /// Declares an entity; the first declaration counts.
    pub(crate) fn declare(&mut self, name: &str, entity: Entity) {
        self.all.entry_ref(name).or_insert(entity);
    }

    /// The replacement text of a reference in content or an attribute value; `None` if the entity may be declared where
    /// it was not read, so that the reference must be kept.
    pub(crate) fn text(
        &self,
        name: &str,
        at: usize,
        limits: &Limits,
    ) -> Result<Option<&str>, Fault> {
        match self.all.get(name) {
            Some(Entity::Internal(text)) => {
                let expanded = self.expanded.get() + text.len() + name.len();
                self.expanded.set(expanded);
                if expanded > limits.entity_bytes {
                    let message = format!(
                        "The entities expand to more than {} bytes.",
                        limits.entity_bytes
                    );
                    return Err(Fault::over_limit(at, message));
                }
                Ok(Some(text))
            }
            Some(Entity::External) => {
                let message =
                    format!("The entity {name} is external; external entities are not read.");
                Err(Fault::new(at, message))
            }
            Some(Entity::Unparsed) => {
                let message =
                    format!("The entity {name} is unparsed and cannot be referenced here.");
                Err(Fault::new(at, message))
            }
            None if self.has_unread_declarations => Ok(None),
            None if self.undeclared_is_allowed => Ok(Some("")),
            None => Err(Fault::new(
                at,
                format!("The entity {name} is not declared."),
            )),
        }
    }

    /// Appends a normalized attribute value: expands references and replaces white space by spaces (section 3.3.3).
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
        if depth > MAX_ENTITY_DEPTH {
            return Err(Fault::over_limit(
                at,
                "Entities are nested too deeply or refer to themselves.",
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
                        "\"<\" is not allowed in attribute values; write \"&lt;\".",
                    ));
                }
                b'&' => {
                    let (reference, after) = reference(rest, here)?;
                    rest = after;
                    match reference {
                        Reference::Char(c) => out.push(c),
                        Reference::Entity(name) => match self.text(name, here, limits)? {
                            Some(text) => self.expand(text, here, out, limits, depth + 1)?,
                            None => push_reference(out, name),
                        },
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

/// Appends a reference that is kept.
pub(crate) fn push_reference(out: &mut String, name: &str) {
    out.push(REFERENCE_START.into());
    out.push_str(name);
    out.push(REFERENCE_END.into());
}

/// Whether a text contains references that were kept.
pub(crate) fn has_references(text: &str) -> bool {
    memchr::memchr(REFERENCE_START, text.as_bytes()).is_some()
}

/// A reference.
#[derive(Debug)]
pub(crate) enum Reference<'a> {
    /// A character reference or a predefined entity.
    Char(char),
    /// A reference to a general entity.
    Entity(&'a str),
}

/// Parses the reference at the start of a text and returns the rest.
fn reference(text: &str, at: usize) -> Result<(Reference<'_>, &str), Fault> {
    let Some(end) = text.find(';') else {
        return Err(Fault::new(
            at,
            "The reference after \"&\" does not end in \";\"; write \"&amp;\" for an ampersand.",
        ));
    };
    Ok((resolve(&text[1..end], at)?, &text[end + 1..]))
}

/// Parses the text between `&` and `;`.
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
                "Invalid reference after \"&\"; write \"&amp;\" for an ampersand.",
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
    c.map(Reference::Char).ok_or_else(|| {
        Fault::new(
            at,
            "The character reference does not name an allowed character.",
        )
    })
}

/// The replacement text of an entity: expands character references and keeps entity references (section 4.5).
pub(crate) fn literal(raw: &str, at: usize) -> Result<String, Fault> {
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(found) = rest.find(['&', '%']) {
        out.push_str(&rest[..found]);
        rest = &rest[found..];
        if rest.starts_with('%') {
            return Err(Fault::new(
                at,
                "Parameter entity references are not allowed inside declarations.",
            ));
        }
        let (reference, after) = reference(rest, at)?;
        match reference {
            // References to predefined entities stay.
            Reference::Char(c) if rest.starts_with("&#") => out.push(c),
            _ => out.push_str(&rest[..rest.len() - after.len()]),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
