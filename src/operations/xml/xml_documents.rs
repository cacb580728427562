//! The code that the XML operations share: loads documents, shows progress, stops, and stores the output.

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::ops::ControlFlow;

use serde_json::json;

use crate::job::Failure;
use crate::operations::cores::Permit;
use crate::operations::documents::document::{Encoding, Opened, Tagged};
use crate::operations::{Context, Document, Input, OperationError, OperationOutput};
use crate::xml::{
    self, Delta, Error, ErrorKind, Limits, PageOptions, Progress, ProgressSink, Source, Step,
};

pub(in crate::operations) const MEDIA_TYPE: &str = "application/xml";

/// The output is written in chunks of this many bytes.
const WRITE_CHUNK_BYTES: usize = 256 << 10;
/// A document is read in chunks of this many bytes.
const READ_CHUNK_BYTES: u64 = 1 << 20;

/// Describes a required param that holds XML documents.
pub(in crate::operations) fn input(is_list: bool) -> Input {
    Input {
        required: true,
        list: is_list,
        media_types: ["application/xml", "text/xml", "application/*", "text/*"]
            .map(str::to_owned)
            .to_vec(),
    }
}

/// The input for the DTD of the documents, which is optional.
pub(in crate::operations) fn dtd_input() -> (String, Input) {
    let input = Input {
        required: false,
        list: false,
        media_types: ["application/xml-dtd", "application/*", "text/*"]
            .map(str::to_owned)
            .to_vec(),
    };
    ("dtd".to_owned(), input)
}

/// The work of one attempt, with its progress over all steps.
pub(in crate::operations) struct XmlWork<'c> {
    context: &'c Context,
    /// The names of the documents in error messages.
    names: Vec<String>,
    /// The maximum length of a document, in bytes.
    max_bytes: u64,
    /// The permit for the core that is in use.
    permit: RefCell<Option<Permit<'c>>>,
    /// The highest progress so far, in thousandths. The library starts over in some steps; shown progress does not go back.
    done: Cell<u64>,
}

/// The progress once all documents are read, in thousandths of the work.
const READ: u64 = 400;
/// The progress once the documents are compared, in thousandths of the work. The rest is writing the output.
const COMPARED: u64 = 900;
/// The progress at the end, in thousandths of the work.
const ALL: u64 = 1000;

impl<'c> XmlWork<'c> {
    pub(in crate::operations) fn new(context: &'c Context, names: Vec<String>) -> Self {
        Self {
            context,
            names,
            max_bytes: context.document_bytes(),
            permit: RefCell::default(),
            done: Cell::default(),
        }
    }

    /// Like [`XmlWork::new`], for a delta, which may be longer than the documents that it was made from.
    pub(in crate::operations) fn on_delta(context: &'c Context) -> Self {
        let max_bytes = context.document_bytes();
        Self {
            max_bytes: max_bytes.saturating_mul(xml::MAX_DELTA_GROWTH as u64),
            ..Self::new(context, vec!["delta".to_owned()])
        }
    }

    fn inputs(&self) -> u64 {
        self.names.len() as u64
    }

    /// The number of steps: one for each document, one to compare them and one to write the output.
    fn steps(&self) -> u64 {
        self.inputs() + 2
    }

    /// Reads a document into memory.
    ///
    /// # Errors
    /// The errors of [`Document::open`], and a failure with code `over_limit` if the document is too long.
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
            .set_progress(READ * number as u64 / self.inputs(), ALL);
        self.context.flush_progress();
        let mut opened = document.open(self.context)?;
        let bytes = self.read(&mut opened)?.ok_or_else(|| {
            let max_bytes = self.max_bytes;
            let message = format!("The document is longer than the limit of {max_bytes} bytes.");
            failure(&Error::over_limit(message, number), &self.names)
        })?;
        Ok(source(bytes, opened.encoding()))
    }

    /// Reads the DTD of the documents into memory, if there is one.
    ///
    /// # Errors
    /// The errors of [`Document::open`], and a failure with code `over_limit` if the DTD is too long, or
    /// `not_well_formed` if it is not in UTF-8.
    pub(in crate::operations) fn load_dtd(
        &self,
        document: Option<&Document>,
    ) -> Result<Option<String>, OperationError> {
        let Some(document) = document else {
            return Ok(None);
        };
        let mut opened = document.open(self.context)?;
        let max_bytes = self.max_bytes;
        let bytes = self.read(&mut opened)?.ok_or_else(|| {
            let message = format!("dtd: The DTD is longer than the limit of {max_bytes} bytes.");
            Failure::new(ErrorKind::OverLimit.as_str(), message)
        })?;
        let text = String::from_utf8(bytes).map_err(|_| {
            let message = "dtd: The DTD is not in UTF-8. Convert it to UTF-8.";
            Failure::new(ErrorKind::NotWellFormed.as_str(), message)
        })?;
        Ok(Some(text))
    }

    /// Reads a document to its end; `None` if it is too long.
    fn read(&self, opened: &mut Opened<'_>) -> Result<Option<Vec<u8>>, OperationError> {
        let mut bytes = Vec::new();
        loop {
            self.context.check()?;
            if read_chunk(opened, &mut bytes)? == 0 {
                return Ok(Some(bytes));
            }
            if bytes.len() as u64 > self.max_bytes {
                return Ok(None);
            }
        }
    }

    /// Shows that the documents are read and the step after that begins.
    pub(in crate::operations) fn begin(&self, name: &str) {
        self.context
            .set_stage(name, self.inputs() + 1, self.steps());
        self.context.flush_progress();
    }

    /// Runs a computation while holding a permit for a core.
    ///
    /// # Errors
    /// [`OperationError::Failed`] with the error of the computation, [`OperationError::Canceled`] if it was stopped.
    pub(in crate::operations) fn compute<T>(
        &self,
        work: impl FnOnce(&dyn ProgressSink) -> Result<T, Error>,
    ) -> Result<T, OperationError> {
        *self.permit.borrow_mut() = Some(self.context.cores().acquire());
        let done = work(self);
        self.permit.replace(None);
        done.map_err(|error| failure(&error, &self.names))
    }

    /// Writes the output as the job's result.
    ///
    /// # Errors
    /// [`OperationError::Failed`] if the result cannot be written, [`OperationError::Canceled`] if the attempt was asked to
    /// stop.
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
        for chunk in text.as_bytes().chunks(WRITE_CHUNK_BYTES) {
            self.context.check()?;
            result.write_all(chunk)?;
            done += chunk.len() as u64;
            self.context
                .set_progress(COMPARED + (ALL - COMPARED) * done / total.max(1), ALL);
        }
        result.finish()
    }

    /// Like [`XmlWork::hand_over`], with each element of the document on a line of its own.
    ///
    /// # Errors
    /// The errors of [`XmlWork::compute`] and [`XmlWork::hand_over`].
    pub(in crate::operations) fn hand_over_indented(
        &self,
        delta: Delta,
        stage: &str,
        filename: &str,
    ) -> Result<OperationOutput, OperationError> {
        let indented =
            self.compute(|watcher| xml::indent(delta.xml, &limits(self.context), watcher))?;
        self.hand_over(&indented, stage, MEDIA_TYPE, filename)
    }

    /// Renders a delta as an HTML page and writes it as the job's result.
    ///
    /// # Errors
    /// The errors of [`XmlWork::compute`] and [`XmlWork::hand_over`].
    pub(in crate::operations) fn hand_over_page(
        &self,
        delta: Delta,
        stage: &str,
        (name, files): (&str, Vec<String>),
    ) -> Result<OperationOutput, OperationError> {
        let options = PageOptions { files };
        let limits = limits(self.context);
        let page = self.compute(|watcher| xml::render_html(delta, &options, &limits, watcher))?;
        self.hand_over(&page, stage, "text/html", &format!("{name}.html"))
    }
}

/// The limits of a job's documents. There is no maximum length, because [`XmlWork::load`] has checked the length already.
pub(in crate::operations) fn limits(context: &Context) -> Limits {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    Limits {
        bytes: usize::MAX,
        memory: size(context.document_memory()),
        output: size(context.max_result_bytes()),
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

fn read_chunk(opened: &mut Opened<'_>, bytes: &mut Vec<u8>) -> Result<usize, OperationError> {
    Ok(opened.by_ref().take(READ_CHUNK_BYTES).read_to_end(bytes)?)
}

impl ProgressSink for XmlWork<'_> {
    fn progress(&self, progress: Progress) -> ControlFlow<()> {
        // Give other jobs a chance to take the permit.
        self.permit.replace(None);
        let share = |span: u64| span * progress.done.min(progress.total) / progress.total.max(1);
        let done = match progress.step {
            Step::Reading(number) => (READ * number as u64 + share(READ)) / self.inputs(),
            Step::Comparing => READ + share(COMPARED - READ),
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

/// Converts an error of the library into a failure, with the document and the position if they are known.
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

/// The file name of a document without its extension. `None` if the document has no file name.
pub(in crate::operations) fn stem(document: &Document) -> Option<&str> {
    let name = file_name(document)?;
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    (!stem.is_empty()).then_some(stem)
}

/// The name of a document's file; `None` if it has none.
pub(in crate::operations) fn file_name(document: &Document) -> Option<&str> {
    let name = match document {
        Document::Path(path) | Document::Tagged(Tagged::File { path }) => path.as_str(),
        Document::Tagged(Tagged::Upload { name, .. }) => name,
        Document::Tagged(Tagged::Http { uri, .. }) => uri.split(['?', '#']).next()?,
        Document::Tagged(_) => return None,
    };
    let name = name.rsplit(['/', '\\']).next()?;
    (!name.is_empty()).then_some(name)
}
