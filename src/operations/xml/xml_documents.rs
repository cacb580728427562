//! What the operations on XML documents share: getting them, showing progress, stopping, handing out what came of it.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::ops::ControlFlow;

use serde_json::json;

use crate::job::Failure;
use crate::operations::cores::Permit;
use crate::operations::documents::document::{Encoding, Opened, Tagged};
use crate::operations::{Context, Document, Input, OperationError, OperationOutput};
use crate::xml::{self, Delta, Error, ErrorKind, Limits, Progress, ProgressSink, Source, Step};

pub(in crate::operations) const MEDIA_TYPE: &str = "application/xml";

/// The result is handed over in pieces of this many bytes.
const PIECE: usize = 256 << 10;
/// A document is read in pieces of this many bytes.
const GULP: u64 = 1 << 20;

/// A document that must be there.
pub(in crate::operations) fn input(is_list: bool) -> Input {
    Input {
        required: true,
        list: is_list,
        media_types: ["application/xml", "text/xml", "application/*", "text/*"]
            .map(str::to_owned)
            .to_vec(),
    }
}

/// How far the work is, over all its steps.
pub(in crate::operations) struct XmlWork<'c> {
    context: &'c Context,
    /// What the documents are called.
    names: Vec<String>,
    /// The longest document that is taken, in bytes.
    most: u64,
    /// The core that is being kept busy.
    permit: RefCell<Option<Permit<'c>>>,
    /// How much was done so far: what came of it may be read again.
    done: Cell<u64>,
}

/// Of all the work, reading is this much, in thousandths; handing over what came of it is the last tenth.
const READING: u64 = 400;
const COMPARED: u64 = 900;
const ALL: u64 = 1000;

impl<'c> XmlWork<'c> {
    pub(in crate::operations) fn new(context: &'c Context, names: Vec<String>) -> Self {
        Self {
            context,
            names,
            most: context.document_bytes(),
            permit: RefCell::default(),
            done: Cell::default(),
        }
    }

    /// On a delta of documents, which is longer than they.
    pub(in crate::operations) fn on_delta(context: &'c Context) -> Self {
        let most = context.document_bytes();
        Self {
            most: most.saturating_mul(xml::MAX_DELTA_GROWTH as u64),
            ..Self::new(context, vec!["delta".to_owned()])
        }
    }

    fn inputs(&self) -> u64 {
        self.names.len() as u64
    }

    /// Steps: every document, what is done with them, and handing over.
    fn steps(&self) -> u64 {
        self.inputs() + 2
    }

    /// Gets a document.
    pub(in crate::operations) fn load(
        &self,
        document: &Document,
        number: usize,
        phase: &str,
    ) -> Result<Source, OperationError> {
        self.context.set_phase(phase);
        self.context
            .set_stage(&self.names[number], number as u64 + 1, self.steps());
        self.context
            .set_progress(READING * number as u64 / self.inputs(), ALL);
        self.context.flush_progress();
        let most = self.most;
        let mut opened = document.open(self.context)?;
        let mut bytes = Vec::new();
        loop {
            self.context.check()?;
            if gulp(&mut opened, &mut bytes)? == 0 {
                return Ok(source(bytes, opened.encoding()));
            }
            if bytes.len() as u64 > most {
                let message =
                    format!("The document is longer than the {most} bytes that one may have.");
                return Err(failure(&Error::over_limit(message, number), &self.names));
            }
        }
    }

    /// Says that the documents are now put together.
    pub(in crate::operations) fn begin(&self, name: &str) {
        self.context
            .set_stage(name, self.inputs() + 1, self.steps());
        self.context.flush_progress();
    }

    /// Computes on one of the machine's cores.
    pub(in crate::operations) fn compute<T>(
        &self,
        work: impl FnOnce(&dyn ProgressSink) -> Result<T, Error>,
    ) -> Result<T, OperationError> {
        *self.permit.borrow_mut() = Some(self.context.cores().acquire());
        let done = work(self);
        self.permit.replace(None);
        done.map_err(|error| failure(&error, &self.names))
    }

    /// Hands over what came of it.
    pub(in crate::operations) fn hand_over(
        &self,
        text: &str,
        stage: &str,
        media_type: &str,
        filename: &str,
    ) -> Result<OperationOutput, OperationError> {
        self.context.set_stage(stage, self.steps(), self.steps());
        self.context.finalizing();
        self.context.flush_progress();
        let mut result = self.context.result(media_type, filename);
        let total = text.len() as u64;
        let mut done = 0;
        for piece in text.as_bytes().chunks(PIECE) {
            self.context.check()?;
            result.write_all(piece)?;
            done += piece.len() as u64;
            self.context
                .set_progress(COMPARED + (ALL - COMPARED) * done / total.max(1), ALL);
        }
        result.finish()
    }

    /// As [`XmlWork::hand_over`], with every element of the document on a line of its own.
    pub(in crate::operations) fn hand_over_indented(
        &self,
        delta: Delta,
        stage: &str,
        filename: &str,
    ) -> Result<OperationOutput, OperationError> {
        let indented = self.compute(|watcher| xml::indent(delta.xml, &unlimited(), watcher))?;
        self.hand_over(&indented, stage, MEDIA_TYPE, filename)
    }

    /// Hands over a page for people, made of a delta.
    pub(in crate::operations) fn hand_over_page(
        &self,
        delta: Delta,
        stage: &str,
        name: &str,
    ) -> Result<OperationOutput, OperationError> {
        let page = self.compute(|watcher| xml::render_html(delta.xml, &unlimited(), watcher))?;
        self.hand_over(&page, stage, "text/html", &format!("{name}.html"))
    }
}

/// Bytes are counted as they come in, and not again.
pub(in crate::operations) fn unlimited() -> Limits {
    Limits {
        bytes: usize::MAX,
        ..Limits::default()
    }
}

fn source(bytes: Vec<u8>, encoding: &Encoding) -> Source {
    match encoding {
        Encoding::Text => {
            String::from_utf8(bytes).map_or_else(|error| error.into_bytes().into(), Source::from)
        }
        Encoding::Charset(charset) => Source::new(bytes, charset.clone()),
    }
}

fn gulp(opened: &mut Opened<'_>, bytes: &mut Vec<u8>) -> Result<usize, OperationError> {
    Ok(opened.by_ref().take(GULP).read_to_end(bytes)?)
}

impl ProgressSink for XmlWork<'_> {
    fn progress(&self, progress: Progress) -> ControlFlow<()> {
        // Others may have their turn.
        self.permit.replace(None);
        let share = |span: u64| span * progress.done.min(progress.total) / progress.total.max(1);
        let done = match progress.step {
            Step::Reading(number) => (READING * number as u64 + share(READING)) / self.inputs(),
            Step::Comparing => READING + share(COMPARED - READING),
        };
        self.done.set(done.max(self.done.get()));
        self.context.set_progress(self.done.get(), ALL);
        if self.context.check().is_err() {
            return ControlFlow::Break(());
        }
        *self.permit.borrow_mut() = Some(self.context.cores().acquire());
        ControlFlow::Continue(())
    }
}

/// What is wrong, with the document and the place where that is known.
fn failure(error: &Error, names: &[String]) -> OperationError {
    if error.kind == ErrorKind::Stopped {
        return OperationError::Canceled;
    }
    let input = error.input.and_then(|number| names.get(number));
    let message = match input {
        Some(name) => format!("{name}: {error}"),
        None => error.to_string(),
    };
    let mut failure = Failure::new(error.kind.as_str(), message);
    if input.is_some() || error.position.is_some() {
        failure.inner = Some(json!({
            "input": input,
            "line": error.position.map(|place| place.line),
            "column": error.position.map(|place| place.column),
        }));
    }
    failure.into()
}

/// What a document is called, without what follows the last dot; none where it has no name.
pub(in crate::operations) fn stem(document: &Document) -> Option<&str> {
    let name = match document {
        Document::Path(path) | Document::Tagged(Tagged::File { path }) => path.as_str(),
        Document::Tagged(Tagged::Upload { name, .. }) => name,
        Document::Tagged(Tagged::Http { uri, .. }) => uri.split(['?', '#']).next()?,
        Document::Tagged(_) => return None,
    };
    let name = name.rsplit(['/', '\\']).next()?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    (!stem.is_empty()).then_some(stem)
}
