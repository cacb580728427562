//! A cursor for the parts of XML that are parsed by hand.

use super::chars::{self, is_space};
use super::error::Fault;

/// A cursor in a text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// The offset that errors report, in replacement text.
    origin: Option<usize>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            origin: None,
        }
    }

    /// Scans replacement text that was referenced at `origin`.
    pub(crate) fn of_entity(text: &'a str, origin: usize) -> Self {
        Self {
            origin: Some(origin),
            ..Self::new(text)
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The offset that errors report.
    pub(crate) fn place(&self) -> usize {
        self.origin.unwrap_or(self.at)
    }

    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(crate) fn is_done(&self) -> bool {
        self.at == self.text.len()
    }

    pub(crate) fn fault(&self, message: impl Into<String>) -> Fault {
        Fault::new(self.place(), message)
    }

    pub(crate) fn starts_with(&self, what: &str) -> bool {
        self.rest().starts_with(what)
    }

    /// Takes `what` if it is next.
    pub(crate) fn take_if(&mut self, what: &str) -> bool {
        let found = self.starts_with(what);
        if found {
            self.at += what.len();
        }
        found
    }

    pub(crate) fn expect(&mut self, what: &str) -> Result<(), Fault> {
        if self.take_if(what) {
            Ok(())
        } else {
            Err(self.fault(format!("Expected {what:?}.")))
        }
    }

    /// Skips white space; returns whether there was any.
    pub(crate) fn space(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let len = rest
            .iter()
            .position(|&b| !is_space(b))
            .unwrap_or(rest.len());
        self.at += len;
        len > 0
    }

    pub(crate) fn require_space(&mut self) -> Result<(), Fault> {
        if self.space() {
            Ok(())
        } else {
            Err(self.fault("Expected white space."))
        }
    }

    /// Takes a name.
    pub(crate) fn name(&mut self) -> Result<&'a str, Fault> {
        let name = &self.rest()[..chars::name_len(self.rest())];
        if name.is_empty() {
            return Err(self.fault("Expected a name."));
        }
        self.at += name.len();
        Ok(name)
    }

    /// Takes a name without a colon (NCName).
    pub(crate) fn plain_name(&mut self) -> Result<&'a str, Fault> {
        let fault = self.fault("Colons are not allowed in this name.");
        let name = self.name()?;
        if name.contains(':') {
            Err(fault)
        } else {
            Ok(name)
        }
    }

    /// Takes a name token.
    pub(crate) fn token(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let len = rest.find(|c| !chars::is_name_part(c)).unwrap_or(rest.len());
        if len == 0 {
            return Err(self.fault("Expected a name token."));
        }
        self.at += len;
        Ok(())
    }

    /// Takes everything before `end`, and `end`.
    pub(crate) fn take_until(&mut self, end: &str) -> Result<&'a str, Fault> {
        let Some(len) = self.rest().find(end) else {
            return Err(self.fault(format!("Missing {end:?}.")));
        };
        let found = &self.rest()[..len];
        self.at += len + end.len();
        Ok(found)
    }

    /// Takes a quoted string and returns its content.
    pub(crate) fn quoted(&mut self) -> Result<&'a str, Fault> {
        for quote in ["\"", "'"] {
            if self.take_if(quote) {
                return self.take_until(quote);
            }
        }
        Err(self.fault("Expected a quoted string."))
    }
}

/// Checks the text of a comment.
pub(crate) fn check_comment(text: &str, at: usize) -> Result<(), Fault> {
    if text.contains("--") || text.ends_with('-') {
        return Err(Fault::new(at, "\"--\" is not allowed in comments."));
    }
    Ok(())
}

/// Splits the text of a processing instruction into target and data.
pub(crate) fn instruction(text: &str, at: usize) -> Result<(&str, &str), Fault> {
    let (target, data) = text.split_at(chars::name_len(text));
    if target.is_empty() || target.contains(':') {
        return Err(Fault::new(
            at,
            "A processing instruction must begin with a name without a colon.",
        ));
    }
    if target.eq_ignore_ascii_case("xml") {
        return Err(Fault::new(
            at,
            "The XML declaration is allowed only at the start of the document.",
        ));
    }
    let trimmed = data.trim_start_matches([' ', '\t', '\n', '\r']);
    if !data.is_empty() && trimmed.len() == data.len() {
        return Err(Fault::new(
            at,
            "Expected white space after the target of the processing instruction.",
        ));
    }
    Ok((target, trimmed))
}
