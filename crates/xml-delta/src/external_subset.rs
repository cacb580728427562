//! Reads entities from the external subset of a document type declaration, if the caller supplies its text. Elements and
//! attributes in it are skipped, and no other file is opened.

use super::dtd::{MAX_PARAMETER_DEPTH, Reader};
use super::entities::{self, Entity};
use super::error::Fault;
use super::scan::Scanner;

impl Reader<'_> {
    /// Reads the external subset; errors are reported at `place` in the document.
    ///
    /// # Errors
    /// The subset is malformed, or its parameter entities are too long.
    pub(super) fn external_subset(&mut self, text: &str, place: usize) -> Result<(), Fault> {
        self.ignores_declarations = false;
        let mut scanner = Scanner::of_entity(text, place);
        if scanner.starts_with("<?xml ") {
            scanner.take_until("?>")?;
        }
        self.external_declarations(&mut scanner, 0)
    }

    fn external_declarations(
        &mut self,
        scanner: &mut Scanner<'_>,
        depth: usize,
    ) -> Result<(), Fault> {
        let mut open_sections = 0_u32;
        loop {
            scanner.space();
            if scanner.is_done() {
                return Ok(());
            } else if scanner.take_if("<!--") {
                scanner.take_until("-->")?;
            } else if scanner.take_if("<?") {
                scanner.take_until("?>")?;
            } else if scanner.take_if("<![") {
                open_sections += u32::from(self.includes_section(scanner)?);
            } else if open_sections > 0 && scanner.take_if("]]>") {
                open_sections -= 1;
            } else if scanner.take_if("%") {
                let name = scanner.name()?;
                scanner.expect(";")?;
                if let Some(text) = self.parameter_text(name, scanner.place())? {
                    if depth == MAX_PARAMETER_DEPTH {
                        return Err(too_long(scanner.place()));
                    }
                    let mut inner = Scanner::of_entity(&text, scanner.place());
                    self.external_declarations(&mut inner, depth + 1)?;
                }
            } else if scanner.take_if("<!ENTITY") {
                self.external_entity(scanner)?;
            } else if scanner.take_if("<!") {
                skip_declaration(scanner)?;
            } else {
                return Err(scanner.fault("The external DTD is malformed: expected a declaration."));
            }
        }
    }

    /// The text of a parameter entity; `None` if it is external or unknown.
    fn parameter_text(&mut self, name: &str, place: usize) -> Result<Option<String>, Fault> {
        let Some(Some(text)) = self.parameters.get(name) else {
            return Ok(None);
        };
        self.expanded += text.len() + 1;
        if self.expanded > self.limits.entity_bytes {
            return Err(too_long(place));
        }
        Ok(Some(text.clone()))
    }

    /// Begins a conditional section; skips it and returns false if it is ignored.
    fn includes_section(&mut self, scanner: &mut Scanner<'_>) -> Result<bool, Fault> {
        scanner.space();
        let keyword = if scanner.take_if("%") {
            let name = scanner.name()?;
            scanner.expect(";")?;
            let text = self.parameter_text(name, scanner.place())?;
            text.unwrap_or_default().trim().to_owned()
        } else {
            scanner.name()?.to_owned()
        };
        scanner.space();
        scanner.expect("[")?;
        if keyword == "INCLUDE" {
            return Ok(true);
        }
        let mut open = 1_u32;
        while open > 0 {
            let before = scanner.take_until("]]>")?;
            open += before.matches("<![").count() as u32;
            open -= 1;
        }
        Ok(false)
    }

    fn external_entity(&mut self, scanner: &mut Scanner<'_>) -> Result<(), Fault> {
        scanner.require_space()?;
        let is_parameter = scanner.take_if("%");
        if is_parameter {
            scanner.require_space()?;
        }
        let name = scanner.name()?;
        scanner.require_space()?;
        let is_literal = scanner.starts_with("\"") || scanner.starts_with("'");
        let text = if is_literal {
            let place = scanner.place();
            let expanded = self.with_parameters(scanner.quoted()?, place)?;
            Some(entities::literal(&expanded, place)?)
        } else {
            None
        };
        skip_declaration(scanner)?;
        if is_parameter {
            self.parameters.entry_ref(name).or_insert(text);
        } else {
            let entity = text.map_or(Entity::External, Entity::Internal);
            self.dtd.entities.declare(name, entity);
        }
        Ok(())
    }

    /// Expands references to parameter entities in a literal; others are dropped, and a lone `%` stays.
    fn with_parameters(&mut self, raw: &str, place: usize) -> Result<String, Fault> {
        let mut out = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            rest = after;
            let name = &after[..super::chars::name_len(after)];
            match after[name.len()..].strip_prefix(';') {
                Some(next) if !name.is_empty() => {
                    let text = self.parameter_text(name, place)?.unwrap_or_default();
                    out.push_str(&text.replace('%', "&#37;"));
                    rest = next;
                }
                _ => out.push_str("&#37;"),
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Skips the rest of a declaration.
fn skip_declaration(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    loop {
        let rest = scanner.rest();
        let special = rest.find(['>', '"', '\'']);
        match special.map(|at| rest.split_at(at)) {
            Some((before, after)) if after.starts_with('>') => {
                scanner.expect(before)?;
                return scanner.expect(">");
            }
            Some((before, _)) => {
                scanner.expect(before)?;
                scanner.quoted()?;
            }
            None => return Err(scanner.fault("The external DTD ends within a declaration.")),
        }
    }
}

fn too_long(place: usize) -> Fault {
    Fault::over_limit(
        place,
        "Parameter entities are nested too deeply or are too long.",
    )
}
