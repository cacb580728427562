//! The parser: input stack, events and limits.

use hashbrown::HashMap;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use super::keys::{self, KeyedElement};
use super::read_options::ReadOptions;
use crate::attributes::{self, RawAttribute};
use crate::chars;
use crate::dtd::Dtd;
use crate::encoding::{self, Source};
use crate::entities;
use crate::error::{Error, ErrorKind, Fault};
use crate::names::{NameId, Names, Scope, StringId, XML_URI};
use crate::progress::{Progress, Step};
use crate::prolog;
use crate::tree::{MAX_SOURCE_BYTES, NodeContext, Span, Tree};

/// Number of nodes between two progress reports.
const PROGRESS_INTERVAL: usize = 4096;

/// Reads a document.
pub(crate) fn read(
    source: Source,
    names: &mut Names,
    reading: &ReadOptions<'_>,
) -> Result<Tree, Error> {
    let limit = reading.limits.bytes.min(1 << 30);
    if source.len() > limit {
        let message = format!(
            "The document has {} bytes; the limit is {limit}.",
            source.len()
        );
        return Err(Error::new(ErrorKind::OverLimit, message).for_input(reading.input));
    }
    let source = encoding::decode(source).map_err(|error| error.for_input(reading.input))?;
    if source.len() >= MAX_SOURCE_BYTES {
        let message = format!(
            "The document has {} bytes in UTF-8; the limit is {MAX_SOURCE_BYTES}.",
            source.len()
        );
        return Err(Error::new(ErrorKind::OverLimit, message).for_input(reading.input));
    }
    match parse(&source, names, reading) {
        Ok((mut tree, keyed)) => {
            tree.source = source;
            tree.index = reading.input;
            match keys::add(&mut tree, names, reading.rules, &keyed) {
                Ok(()) => Ok(tree),
                Err(fault) => Err(fault.in_text(&tree.source).for_input(reading.input)),
            }
        }
        Err(fault) if fault.kind == ErrorKind::Stopped => Err(Error::stopped()),
        Err(fault) => Err(fault.in_text(&source).for_input(reading.input)),
    }
}

/// Parses a document; also returns the elements whose keys are to be computed.
fn parse(
    source: &str,
    names: &mut Names,
    reading: &ReadOptions<'_>,
) -> Result<(Tree, Vec<KeyedElement>), Fault> {
    let prolog = prolog::read(source, reading.external_subset, reading.limits)?;
    if !source[prolog.end..].starts_with('<') {
        return Err(Fault::new(prolog.end, "Expected the root element."));
    }
    let mut parser = Parser {
        source,
        dtd: &prolog.dtd,
        reading,
        tree: Tree::new(prolog.misc),
        may_have_cdata_end: memchr::memmem::find(source.as_bytes(), b"]]>").is_some(),
        is_delta: false,
        xml_space: names.intern("space"),
        xml_uri: names.intern(XML_URI),
        names,
        known: HashMap::new(),
        open: Vec::new(),
        inputs: vec![Input {
            reader: reader(&source[prolog.end..]),
            text: source,
            offset: prolog.end,
            origin: None,
            depth: 0,
        }],
        pending: Pending::Nothing,
        raw_attributes: Vec::new(),
        keyed: Vec::new(),
        next_report: 0,
    };
    parser.run()?;
    let (mut tree, keyed) = (parser.tree, parser.keyed);
    tree.has_references = entities::has_references(&tree.expanded_text);
    Ok((tree, keyed))
}

pub(super) fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.trim_markup_names_in_closing_tags = false;
    reader
}

/// A text being parsed: the source, or the replacement text of an entity.
pub(super) struct Input<'a> {
    pub(super) reader: Reader<&'a [u8]>,
    pub(super) text: &'a str,
    /// The offset in the text where the reader began.
    pub(super) offset: usize,
    /// The offset of the entity reference in the source.
    pub(super) origin: Option<usize>,
    /// The number of open elements at the start.
    pub(super) depth: usize,
}

/// An open element.
pub(super) struct Open<'a> {
    pub(super) node: u32,
    pub(super) name: &'a str,
    pub(super) scope: Scope,
    pub(super) preserved: bool,
}

/// Text that may continue.
pub(super) enum Pending {
    Nothing,
    /// A slice of the source.
    Source(Span),
    /// Copied to the expanded text, from this offset on.
    Owned {
        start: usize,
        at: usize,
    },
}

pub(super) struct Parser<'a, 'r> {
    pub(super) source: &'a str,
    pub(super) dtd: &'a Dtd,
    pub(super) reading: &'r ReadOptions<'r>,
    pub(super) tree: Tree,
    /// The document contains `]]>`, so text must be searched for it.
    pub(super) may_have_cdata_end: bool,
    /// The document is a delta.
    pub(super) is_delta: bool,
    pub(super) xml_space: StringId,
    pub(super) xml_uri: StringId,
    pub(super) names: &'r mut Names,
    pub(super) known: HashMap<(Scope, bool, &'a str), NameId>,
    pub(super) open: Vec<Open<'a>>,
    pub(super) inputs: Vec<Input<'a>>,
    pub(super) pending: Pending,
    pub(super) raw_attributes: Vec<RawAttribute<'a>>,
    pub(super) keyed: Vec<KeyedElement>,
    /// The number of nodes at which progress is reported and the memory is checked.
    pub(super) next_report: usize,
}

impl Parser<'_, '_> {
    fn run(&mut self) -> Result<(), Fault> {
        loop {
            let frame = self
                .inputs
                .last_mut()
                .expect("the source is the last input");
            let start = frame.offset + frame.reader.buffer_position() as usize;
            let at = frame.origin.unwrap_or(start);
            let event = frame.reader.read_event().map_err(|error| {
                let place = frame.offset + frame.reader.error_position() as usize;
                Fault::new(frame.origin.unwrap_or(place), sentence(&error))
            })?;
            match event {
                Event::Start(tag) => self.start(&tag, at, false)?,
                Event::Empty(tag) => self.start(&tag, at, true)?,
                Event::End(tag) => self.end(&tag, at)?,
                Event::Text(text) => {
                    self.text(slice_of(frame_text(&self.inputs), start, &text), at)?;
                }
                Event::CData(data) => {
                    self.cdata(slice_of(frame_text(&self.inputs), start + 9, &data), at)?;
                }
                Event::GeneralRef(reference) => {
                    let body = slice_of(frame_text(&self.inputs), start + 1, &reference);
                    self.reference(body, at)?;
                }
                Event::Comment(text) => self.comment(&text, at)?,
                Event::PI(text) => self.instruction(&text, at)?,
                Event::Decl(_) => {
                    return Err(Fault::new(
                        at,
                        "The XML declaration is allowed only at the start of the document.",
                    ));
                }
                Event::DocType(_) => {
                    return Err(Fault::new(
                        at,
                        "Only one document type declaration is allowed, before the root element.",
                    ));
                }
                Event::Eof => {
                    if self.end_input(at)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Ends an input; returns whether it was the last.
    fn end_input(&mut self, at: usize) -> Result<bool, Fault> {
        let frame = self.inputs.pop().expect("an input was read");
        if self.open.len() > frame.depth {
            let open = self
                .open
                .last()
                .expect("more elements are open than at the start");
            return Err(Fault::new(
                at,
                format!("The element {} is not closed.", open.name),
            ));
        }
        if self.inputs.is_empty() && self.tree.len() == 0 {
            return Err(Fault::new(at, "The document has no root element."));
        }
        Ok(self.inputs.is_empty())
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: usize, is_empty: bool) -> Result<(), Fault> {
        self.flush();
        self.check_start(at)?;
        let frame = self.inputs.last().expect("an input is being read");
        // The text of the tag right after `<`, borrowed from the input.
        let begin = frame_position(frame, is_empty, tag.len());
        let raw = &frame.text[begin..begin + tag.len()];
        let name = &raw[..chars::name_len(raw)];
        if name.is_empty() {
            return Err(Fault::new(at, "Expected an element name."));
        }
        let place = frame.origin.is_none().then_some(begin + name.len());
        let mut written = std::mem::take(&mut self.raw_attributes);
        attributes::split(
            &raw[name.len()..],
            place,
            at,
            self.reading.limits,
            &mut written,
        )?;
        self.element(name, &written, at)?;
        written.clear();
        self.raw_attributes = written;
        if is_empty {
            self.close();
        }
        Ok(())
    }

    /// Rejects a second root element and exceeded limits.
    fn check_start(&self, at: usize) -> Result<(), Fault> {
        let limits = self.reading.limits;
        if self.open.is_empty() && self.tree.len() > 0 {
            return Err(Fault::new(at, "The document has a second root element."));
        }
        if self.open.len() >= limits.depth {
            return Err(Fault::over_limit(
                at,
                format!(
                    "Elements are nested more than {} levels deep.",
                    limits.depth
                ),
            ));
        }
        Ok(())
    }

    pub(super) fn store(&mut self, text: &str) -> Span {
        let start = (self.source.len() + self.tree.expanded_text.len()) as u32;
        self.tree.expanded_text.push_str(text);
        Span {
            start,
            len: text.len() as u32,
        }
    }

    pub(super) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.tree.expanded_text[start..start + len],
        }
    }

    fn end(&mut self, tag: &str, at: usize) -> Result<(), Fault> {
        self.flush();
        let depth = self.inputs.last().map_or(0, |frame| frame.depth);
        let open = self.open.last().filter(|_| self.open.len() > depth);
        let Some(open) = open else {
            return Err(Fault::new(
                at,
                format!("The end tag </{tag}> has no start tag."),
            ));
        };
        let matches = tag.strip_prefix(open.name).is_some_and(chars::is_blank);
        if !matches {
            let message = format!(
                "The end tag </{tag}> does not match the start tag <{}>.",
                open.name
            );
            return Err(Fault::new(at, message));
        }
        self.close();
        Ok(())
    }

    fn close(&mut self) {
        let open = self.open.pop().expect("an element is open");
        self.tree.close(open.node);
    }

    /// Checks the number of nodes, and reports progress.
    pub(super) fn check_node_limit(&mut self, at: usize) -> Result<(), Fault> {
        let number = self.tree.len() as usize;
        let limit = self.reading.limits.nodes;
        if number >= limit {
            return Err(Fault::over_limit(
                at,
                format!("The document has more than {limit} nodes."),
            ));
        }
        if number >= self.next_report {
            self.next_report = number + PROGRESS_INTERVAL;
            self.reading.check_memory(&self.tree, self.source, at)?;
            let progress = Progress {
                step: Step::Reading(self.reading.input),
                done: at as u64,
                total: self.source.len() as u64,
            };
            if self.reading.sink.progress(progress).is_break() {
                return Err(Fault {
                    kind: ErrorKind::Stopped,
                    message: String::new(),
                    at: 0,
                });
            }
        }
        Ok(())
    }
}

impl Open<'_> {
    /// The context of a node in this element.
    pub(super) fn context(&self, at: usize) -> NodeContext {
        NodeContext {
            at,
            scope: self.scope,
            is_preserved: self.preserved,
        }
    }
}

/// The text of the current input.
fn frame_text<'a>(frames: &[Input<'a>]) -> &'a str {
    frames.last().expect("an input is being read").text
}

/// The slice of the current input that an event covers.
fn slice_of<'a>(text: &'a str, start: usize, piece: &str) -> &'a str {
    &text[start..start + piece.len()]
}

/// The offset of the last tag, after its `<`.
fn frame_position(frame: &Input<'_>, is_empty: bool, len: usize) -> usize {
    let end = frame.offset + frame.reader.buffer_position() as usize;
    end - len - if is_empty { 2 } else { 1 }
}

/// The reader's error as a sentence.
fn sentence(error: &quick_xml::Error) -> String {
    format!("{error}.")
}
