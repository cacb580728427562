//! Text, references, comments and processing instructions on their way into the tree.

use super::parser::{Frame, Parser, Pending, reader};
use crate::chars::{self, is_space};
use crate::entities::{self, Reference};
use crate::error::Fault;
use crate::prolog::{self, Aside};
use crate::scan;
use crate::tree::{Kind, Span};

impl<'a> Parser<'a, '_> {
    pub(super) fn text(&mut self, text: &'a str, at: usize) -> Result<(), Fault> {
        if self.cdata_ends && text.contains("]]>") {
            return Err(Fault::new(at, "\"]]>\" must not stand in text."));
        }
        self.append(text, at)
    }

    pub(super) fn cdata(&mut self, data: &'a str, at: usize) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Err(Fault::new(at, "A CDATA section stands only in an element."));
        }
        self.append(data, at)
    }

    pub(super) fn reference(&mut self, body: &'a str, at: usize) -> Result<(), Fault> {
        if self.open.is_empty() {
            return Err(Fault::new(at, "A reference stands only in an element."));
        }
        match entities::resolve(body, at)? {
            Reference::Char(c) => {
                self.gather(at);
                self.tree.side.push(c);
                Ok(())
            }
            Reference::Entity(name) => {
                let dtd = self.dtd;
                let text = dtd.entities.text(name, at, self.reading.limits)?;
                if self.frames.len() > entities::DEPTH {
                    return Err(Fault::over(
                        at,
                        "Entities are nested too deep, or refer to themselves.",
                    ));
                }
                self.cdata_ends |= text.contains("]]>");
                self.frames.push(Frame {
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
                    "Text stands only in the root element.",
                )),
            };
        }
        if self.frames.len() == 1 && matches!(self.pending, Pending::Nothing) {
            let start = text.as_ptr().addr() - self.source.as_ptr().addr();
            self.pending = Pending::Source(Span {
                start: start as u32,
                len: text.len() as u32,
            });
        } else {
            self.gather(at);
            self.tree.side.push_str(text);
        }
        Ok(())
    }

    /// Makes the text so far one that can be added to.
    pub(super) fn gather(&mut self, at: usize) {
        let start = self.tree.side.len();
        match self.pending {
            Pending::Side { .. } => {}
            Pending::Nothing => self.pending = Pending::Side { start, at },
            Pending::Source(span) => {
                let at = span.start as usize;
                self.tree
                    .side
                    .push_str(&self.source[at..at + span.len as usize]);
                self.pending = Pending::Side { start, at };
            }
        }
    }

    /// Makes a node of the text so far.
    pub(super) fn flush(&mut self) {
        let (span, at) = match std::mem::replace(&mut self.pending, Pending::Nothing) {
            Pending::Nothing => return,
            Pending::Source(span) => (span, span.start as usize),
            Pending::Side { start, at } => {
                let len = (self.tree.side.len() - start) as u32;
                let start = (self.source.len() + start) as u32;
                (Span { start, len }, at)
            }
        };
        if span.len > 0 {
            let open = self.open.last().expect("text is in an element");
            let (parent, place) = (open.node, open.place(at));
            if !chars::is_blank(self.str(span)) {
                self.tree.set_mixed(parent);
            }
            self.tree.push_text(Kind::Text, span, &place);
        }
    }

    pub(super) fn comment(&mut self, text: &str, at: usize) -> Result<(), Fault> {
        scan::check_comment(text, at)?;
        self.aside(Kind::Comment, text, at)
    }

    pub(super) fn instruction(&mut self, text: &str, at: usize) -> Result<(), Fault> {
        let (target, data) = scan::instruction(text, at)?;
        self.aside(Kind::Instruction, &prolog::join(target, data), at)
    }

    pub(super) fn aside(&mut self, kind: Kind, text: &str, at: usize) -> Result<(), Fault> {
        self.flush();
        let Some(open) = self.open.last() else {
            self.tree.after.push(match kind {
                Kind::Comment => Aside::Comment(text.to_owned()),
                _ => Aside::Instruction(text.to_owned()),
            });
            return Ok(());
        };
        let place = open.place(at);
        self.may_go_on(at)?;
        let span = self.put(text);
        self.tree.push_text(kind, span, &place);
        Ok(())
    }
}
