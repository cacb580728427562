//! The parser: input stack, events and limits.

use hashbrown::HashMap;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::attributes::{self, Written};
use crate::chars;
use crate::dtd::Dtd;
use crate::encoding::{self, Source};
use crate::error::{Error, ErrorKind, Fault};
use crate::names::{NameId, Names, Scope, Text, XML_URI};
use crate::options::Limits;
use crate::paths::Rules;
use crate::progress::{Progress, ProgressSink, Step};
use crate::prolog;
use crate::tree::{PLACES, Place, Span, Tree};

/// Nodes between two looks at the sink.
const TICK: usize = 4096;

/// How a document is to be read.
pub(crate) struct Reading<'r> {
    /// Its number among the inputs.
    pub(crate) input: usize,
    pub(crate) limits: &'r Limits,
    pub(crate) sink: &'r dyn ProgressSink,
    /// Names of the delta vocabulary are a document's own, not marks.
    pub(crate) quote: bool,
    /// What options say of elements.
    pub(crate) rules: &'r Rules,
}

/// Reads a document.
pub(crate) fn read(
    source: Source,
    names: &mut Names,
    reading: &Reading<'_>,
) -> Result<Tree, Error> {
    let limit = reading.limits.bytes.min(1 << 30);
    if source.len() > limit {
        let message = format!(
            "The document has {} bytes; {limit} are allowed.",
            source.len()
        );
        return Err(Error::new(ErrorKind::OverLimit, message).of_input(reading.input));
    }
    let source = encoding::decode(source).map_err(|error| error.of_input(reading.input))?;
    if source.len() >= PLACES {
        let message = format!(
            "The document has {} bytes in UTF-8; fewer than {PLACES} are allowed.",
            source.len()
        );
        return Err(Error::new(ErrorKind::OverLimit, message).of_input(reading.input));
    }
    match parse(&source, names, reading) {
        Ok(mut tree) => {
            tree.source = source;
            Ok(tree)
        }
        Err(fault) if fault.code == ErrorKind::Stopped => Err(Error::stopped()),
        Err(fault) => Err(fault.in_text(&source).of_input(reading.input)),
    }
}

fn parse(source: &str, names: &mut Names, reading: &Reading<'_>) -> Result<Tree, Fault> {
    let prolog = prolog::read(source, reading.limits)?;
    if !source[prolog.end..].starts_with('<') {
        return Err(Fault::new(prolog.end, "The root element is expected here."));
    }
    let mut parser = Parser {
        source,
        dtd: &prolog.dtd,
        reading,
        tree: Tree::new(prolog.has_doctype, prolog.asides),
        cdata_ends: memchr::memmem::find(source.as_bytes(), b"]]>").is_some(),
        is_delta: false,
        xml_space: names.text("space"),
        xml_uri: names.text(XML_URI),
        names,
        known: HashMap::new(),
        open: Vec::new(),
        frames: vec![Frame {
            reader: reader(&source[prolog.end..]),
            text: source,
            offset: prolog.end,
            origin: None,
            depth: 0,
        }],
        pending: Pending::Nothing,
        written: Vec::new(),
    };
    parser.run()?;
    Ok(parser.tree)
}

pub(super) fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.trim_markup_names_in_closing_tags = false;
    reader
}

/// A text that is being read: the source, or what an entity stands for.
pub(super) struct Frame<'a> {
    pub(super) reader: Reader<&'a [u8]>,
    pub(super) text: &'a str,
    /// Where the reader began in the text.
    pub(super) offset: usize,
    /// Where the reference was.
    pub(super) origin: Option<usize>,
    /// How many elements were open then.
    pub(super) depth: usize,
}

/// An element that is open.
pub(super) struct Open<'a> {
    pub(super) node: u32,
    pub(super) name: &'a str,
    pub(super) scope: Scope,
    pub(super) preserved: bool,
}

/// Text that may go on.
pub(super) enum Pending {
    Nothing,
    /// As it stands in the source.
    Source(Span),
    /// Put together, from here on.
    Side {
        start: usize,
        at: usize,
    },
}

pub(super) struct Parser<'a, 'r> {
    pub(super) source: &'a str,
    pub(super) dtd: &'a Dtd,
    pub(super) reading: &'r Reading<'r>,
    pub(super) tree: Tree,
    /// `]]>` is somewhere, so text must be searched for it.
    pub(super) cdata_ends: bool,
    /// The document is a delta itself.
    pub(super) is_delta: bool,
    pub(super) xml_space: Text,
    pub(super) xml_uri: Text,
    pub(super) names: &'r mut Names,
    pub(super) known: HashMap<(Scope, bool, &'a str), NameId>,
    pub(super) open: Vec<Open<'a>>,
    pub(super) frames: Vec<Frame<'a>>,
    pub(super) pending: Pending,
    pub(super) written: Vec<Written<'a>>,
}

impl Parser<'_, '_> {
    fn run(&mut self) -> Result<(), Fault> {
        loop {
            let frame = self
                .frames
                .last_mut()
                .expect("the source's is there to the end");
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
                    self.text(borrowed(frame_text(&self.frames), start, &text), at)?;
                }
                Event::CData(data) => {
                    self.cdata(borrowed(frame_text(&self.frames), start + 9, &data), at)?;
                }
                Event::GeneralRef(reference) => {
                    let body = borrowed(frame_text(&self.frames), start + 1, &reference);
                    self.reference(body, at)?;
                }
                Event::Comment(text) => self.comment(&text, at)?,
                Event::PI(text) => self.instruction(&text, at)?,
                Event::Decl(_) => {
                    return Err(Fault::new(
                        at,
                        "An XML declaration stands only at the very beginning.",
                    ));
                }
                Event::DocType(_) => {
                    return Err(Fault::new(
                        at,
                        "A document type declaration stands only once, before the root element.",
                    ));
                }
                Event::Eof => {
                    if self.leave(at)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The end of a text; whether it was the last.
    fn leave(&mut self, at: usize) -> Result<bool, Fault> {
        let frame = self.frames.pop().expect("it has just been read");
        if self.open.len() > frame.depth {
            let open = self.open.last().expect("it is deeper than that");
            return Err(Fault::new(
                at,
                format!("The element {} is not closed.", open.name),
            ));
        }
        if self.frames.is_empty() && self.tree.len() == 0 {
            return Err(Fault::new(at, "There is no root element."));
        }
        Ok(self.frames.is_empty())
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: usize, is_empty: bool) -> Result<(), Fault> {
        self.flush();
        self.may_begin(at)?;
        let frame = self.frames.last().expect("it is being read");
        // The tag's text, borrowed for as long as the document's: it begins right after `<`.
        let begin = frame_position(frame, is_empty, tag.len());
        let raw = &frame.text[begin..begin + tag.len()];
        let name = &raw[..chars::name_len(raw)];
        if name.is_empty() {
            return Err(Fault::new(at, "The name of an element is expected here."));
        }
        let place = frame.origin.is_none().then_some(begin + name.len());
        let mut written = std::mem::take(&mut self.written);
        attributes::split(
            &raw[name.len()..],
            place,
            at,
            self.reading.limits,
            &mut written,
        )?;
        self.element(name, &written, at)?;
        written.clear();
        self.written = written;
        if is_empty {
            self.close();
        }
        Ok(())
    }

    /// Refuses a second root, and what is too deep or too much.
    fn may_begin(&self, at: usize) -> Result<(), Fault> {
        let limits = self.reading.limits;
        if self.open.is_empty() && self.tree.len() > 0 {
            return Err(Fault::new(at, "There is a second root element."));
        }
        if self.open.len() >= limits.depth {
            return Err(Fault::over(
                at,
                format!("Elements are nested more than {} deep.", limits.depth),
            ));
        }
        Ok(())
    }

    pub(super) fn put(&mut self, text: &str) -> Span {
        let start = (self.source.len() + self.tree.side.len()) as u32;
        self.tree.side.push_str(text);
        Span {
            start,
            len: text.len() as u32,
        }
    }

    pub(super) fn str(&self, span: Span) -> &str {
        let (start, len) = (span.start as usize, span.len as usize);
        match start.checked_sub(self.source.len()) {
            None => &self.source[start..start + len],
            Some(start) => &self.tree.side[start..start + len],
        }
    }

    fn end(&mut self, tag: &str, at: usize) -> Result<(), Fault> {
        self.flush();
        let depth = self.frames.last().map_or(0, |frame| frame.depth);
        let open = self.open.last().filter(|_| self.open.len() > depth);
        let Some(open) = open else {
            return Err(Fault::new(
                at,
                format!("There is no element to be closed by </{tag}>."),
            ));
        };
        let matches = tag.strip_prefix(open.name).is_some_and(chars::is_blank);
        if !matches {
            let message = format!("The element {} is closed by </{tag}>.", open.name);
            return Err(Fault::new(at, message));
        }
        self.close();
        Ok(())
    }

    fn close(&mut self) {
        let open = self.open.pop().expect("an element is open");
        self.tree.close(open.node);
    }

    /// Refuses one node too many, and tells the sink how far it is.
    pub(super) fn may_go_on(&self, at: usize) -> Result<(), Fault> {
        let number = self.tree.len() as usize;
        let limit = self.reading.limits.nodes;
        if number >= limit {
            return Err(Fault::over(
                at,
                format!("The document has more than {limit} nodes."),
            ));
        }
        if number.is_multiple_of(TICK) {
            let progress = Progress {
                step: Step::Reading(self.reading.input),
                done: at as u64,
                total: self.source.len() as u64,
            };
            if self.reading.sink.progress(progress).is_break() {
                return Err(Fault {
                    code: ErrorKind::Stopped,
                    message: String::new(),
                    at: 0,
                });
            }
        }
        Ok(())
    }
}

impl Open<'_> {
    /// Where something in it is.
    pub(super) fn place(&self, at: usize) -> Place {
        Place {
            at,
            scope: self.scope,
            is_preserved: self.preserved,
        }
    }
}

/// The text that is being read.
fn frame_text<'a>(frames: &[Frame<'a>]) -> &'a str {
    frames.last().expect("it is being read").text
}

/// A piece of an event that lies in the text at hand, borrowed from there.
fn borrowed<'a>(text: &'a str, start: usize, piece: &str) -> &'a str {
    &text[start..start + piece.len()]
}

/// Where the tag begins that was read last, after its `<`.
fn frame_position(frame: &Frame<'_>, is_empty: bool, len: usize) -> usize {
    let end = frame.offset + frame.reader.buffer_position() as usize;
    end - len - if is_empty { 2 } else { 1 }
}

/// What the reader says, as a sentence.
fn sentence(error: &quick_xml::Error) -> String {
    format!("{error}.")
}
