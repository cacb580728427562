//! A cursor over a text, for the parts of XML that are read by hand.

use super::chars::{self, is_space};
use super::error::Fault;

/// Where one is in a text.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Where faults are said to be, in a text that stands for a reference elsewhere.
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

    /// Over a text that was referred to at `origin`.
    pub(crate) fn of_entity(text: &'a str, origin: usize) -> Self {
        Self {
            origin: Some(origin),
            ..Self::new(text)
        }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The place that faults name.
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

    pub(crate) fn looking_at(&self, what: &str) -> bool {
        self.rest().starts_with(what)
    }

    /// Takes it if it is next.
    pub(crate) fn eat(&mut self, what: &str) -> bool {
        let found = self.looking_at(what);
        if found {
            self.at += what.len();
        }
        found
    }

    pub(crate) fn expect(&mut self, what: &str) -> Result<(), Fault> {
        if self.eat(what) {
            Ok(())
        } else {
            Err(self.fault(format!("{what:?} is expected here.")))
        }
    }

    /// Takes white space; whether there was some.
    pub(crate) fn space(&mut self) -> bool {
        let rest = self.rest().as_bytes();
        let len = rest
            .iter()
            .position(|&b| !is_space(b))
            .unwrap_or(rest.len());
        self.at += len;
        len > 0
    }

    pub(crate) fn need_space(&mut self) -> Result<(), Fault> {
        if self.space() {
            Ok(())
        } else {
            Err(self.fault("White space is expected here."))
        }
    }

    /// Takes a name.
    pub(crate) fn name(&mut self) -> Result<&'a str, Fault> {
        let name = &self.rest()[..chars::name_len(self.rest())];
        if name.is_empty() {
            return Err(self.fault("A name is expected here."));
        }
        self.at += name.len();
        Ok(name)
    }

    /// Takes a name without a colon, as namespaces want it.
    pub(crate) fn plain_name(&mut self) -> Result<&'a str, Fault> {
        let fault = self.fault("This name must not have a colon.");
        let name = self.name()?;
        if name.contains(':') {
            Err(fault)
        } else {
            Ok(name)
        }
    }

    /// Takes a run of name characters.
    pub(crate) fn token(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let len = rest.find(|c| !chars::is_name_part(c)).unwrap_or(rest.len());
        if len == 0 {
            return Err(self.fault("A name token is expected here."));
        }
        self.at += len;
        Ok(())
    }

    /// Takes everything before `end`, and `end`.
    pub(crate) fn until(&mut self, end: &str) -> Result<&'a str, Fault> {
        let Some(len) = self.rest().find(end) else {
            return Err(self.fault(format!("There is no {end:?} to what begins here.")));
        };
        let found = &self.rest()[..len];
        self.at += len + end.len();
        Ok(found)
    }

    /// Takes a string in quotes, and gives what is between them.
    pub(crate) fn quoted(&mut self) -> Result<&'a str, Fault> {
        for quote in ["\"", "'"] {
            if self.eat(quote) {
                return self.until(quote);
            }
        }
        Err(self.fault("A string in quotes is expected here."))
    }
}

/// The text of a comment, without its marks.
pub(crate) fn check_comment(text: &str, at: usize) -> Result<(), Fault> {
    if text.contains("--") || text.ends_with('-') {
        return Err(Fault::new(at, "A comment must not contain \"--\"."));
    }
    Ok(())
}

/// The target and the data of a processing instruction, from what is between its marks.
pub(crate) fn instruction(text: &str, at: usize) -> Result<(&str, &str), Fault> {
    let (target, data) = text.split_at(chars::name_len(text));
    if target.is_empty() || target.contains(':') {
        return Err(Fault::new(
            at,
            "A processing instruction begins with a name without a colon.",
        ));
    }
    if target.eq_ignore_ascii_case("xml") {
        return Err(Fault::new(
            at,
            "An XML declaration stands only at the very beginning.",
        ));
    }
    let trimmed = data.trim_start_matches([' ', '\t', '\n', '\r']);
    if !data.is_empty() && trimmed.len() == data.len() {
        return Err(Fault::new(
            at,
            "White space is expected after the name of a processing instruction.",
        ));
    }
    Ok((target, trimmed))
}
