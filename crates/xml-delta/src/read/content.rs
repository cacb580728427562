//! Parses text, references, comments and processing instructions.

use super::parser::{Input, Parser, Pending, reader};
use crate::chars::{self, is_space};
use crate::entities::{self, Reference};
use crate::error::Fault;
use crate::prolog::{self, Misc};
use crate::scan;
use crate::tree::{Kind, Span};

impl<'a> Parser<'a, '_> {
    pub(super) fn text(&mut self, text: &'a str, at: usize) -> Result<(), Fault> {
        if self.may_have_cdata_end && text.contains("]]>") {
            return Err(Fault::new(
                at,
                "\"]]>\" is not allowed in text; write \"]]&gt;\".",
            ));
        }
        self.append(text, at)
    }

    pub(super) fn cdata(&mut self, data: &'a str, at: usize) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Err(Fault::new(
                at,
                "CDATA sections are allowed only inside elements.",
            ));
        }
        self.append(data, at)
    }

    pub(super) fn reference(&mut self, body: &'a str, at: usize) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Err(Fault::new(
                at,
                "References are allowed only inside elements.",
            ));
        }
        match entities::resolve(body, at)? {
            Reference::Char(c) => {
                self.make_owned(at);
                self.tree.expanded_text.push(c);
                Ok(())
            }
            Reference::Entity(name) => {
                let dtd = self.dtd;
                let Some(text) = dtd.entities.text(name, at, self.reading.limits)? else {
                    self.make_owned(at);
                    entities::push_reference(&mut self.tree.expanded_text, name);
                    return Ok(());
                };
                if self.inputs.len() > entities::MAX_ENTITY_DEPTH {
                    return Err(Fault::over_limit(
                        at,
                        "Entities are nested too deeply or refer to themselves.",
                    ));
                }
                self.may_have_cdata_end |= text.contains("]]>");
                self.inputs.push(Input {
                    reader: reader(text),
                    text,
                    offset: 0,
                    origin: Some(at),
                    depth: self.open.len(),
                });
                Ok(())
            }
        }
    }

    pub(super) fn append(&mut self, text: &'a str, at: usize) -> Result<(), Fault> {
        if text.is_empty() {
            return Ok(());
        }
        if self.open.is_empty() {
            return match text.bytes().position(|b| !is_space(b)) {
                None => Ok(()),
                Some(offset) => Err(Fault::new(
                    at + offset,
                    "Text is allowed only inside the root element.",
                )),
            };
        }
        if self.inputs.len() == 1 && matches!(self.pending, Pending::Nothing) {
            let start = text.as_ptr().addr() - self.source.as_ptr().addr();
            self.pending = Pending::Source(Span {
                start: start as u32,
                len: text.len() as u32,
            });
        } else {
            self.make_owned(at);
            self.tree.expanded_text.push_str(text);
        }
        Ok(())
    }

    /// Copies the pending text so that it can be extended.
    pub(super) fn make_owned(&mut self, at: usize) {
        let start = self.tree.expanded_text.len();
        match self.pending {
            Pending::Owned { .. } => {}
            Pending::Nothing => self.pending = Pending::Owned { start, at },
            Pending::Source(span) => {
                let at = span.start as usize;
                self.tree
                    .expanded_text
                    .push_str(&self.source[at..at + span.len as usize]);
                self.pending = Pending::Owned { start, at };
            }
        }
    }

    /// Creates a node for the pending text.
    pub(super) fn flush(&mut self) {
        let (span, at) = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return,
            Pending::Source(span) => (span, span.start as usize),
            Pending::Owned { start, at } => {
                let len = (self.tree.expanded_text.len() - start) as u32;
                let start = (self.source.len() + start) as u32;
                (Span { start, len }, at)
            }
        };
        if span.len > 0 {
            let open = self.open.last().expect("text is in an element");
            let (parent, place) = (open.node, open.context(at));
            if !chars::is_blank(self.str(span)) {
                self.tree.set_mixed(parent);
            }
            self.tree.push_text(Kind::Text, span, &place);
        }
    }

    pub(super) fn comment(&mut self, text: &str, at: usize) -> Result<(), Fault> {
        scan::check_comment(text, at)?;
        self.comment_or_instruction(Kind::Comment, text, at)
    }

    pub(super) fn instruction(&mut self, text: &str, at: usize) -> Result<(), Fault> {
        let (target, data) = scan::instruction(text, at)?;
        self.comment_or_instruction(
            Kind::Instruction,
            &prolog::instruction_text(target, data),
            at,
        )
    }

    pub(super) fn comment_or_instruction(
        &mut self,
        kind: Kind,
        text: &str,
        at: usize,
    ) -> Result<(), Fault> {
        self.flush();
        let Some(open) = self.open.last() else {
            self.tree.epilog.push(match kind {
                Kind::Comment => Misc::Comment(text.to_owned()),
                _ => Misc::Instruction(text.to_owned()),
            });
            return Ok(());
        };
        let place = open.context(at);
        self.check_node_limit(at)?;
        let span = self.store(text);
        self.tree.push_text(kind, span, &place);
        Ok(())
    }
}
