//! XML documents compared, merged, and taken apart again: a library of its own, without files, threads or jobs.
//!
//! [`compare`] and [`merge()`] make a delta of documents: one that has all of them, each difference marked with the versions
//! that have it (DeltaXML's deltaV2). [`extract()`] takes a version out again, equal by exclusive C14N to what went in.
//! [`page()`] shows a delta to people. What is compared is bounded by [`Limits`], can be watched and ended by a [`Watcher`],
//! and opens nothing that a document names. Here is the whole of `examples/compare.rs`:
//!
//! ```
#![doc = include_str!("../examples/compare.rs")]
//! ```

mod align;
mod attributes;
mod chars;
mod delta;
mod dtd;
mod elements;
mod encoding;
mod entities;
mod error;
mod extract;
mod hashes;
mod html;
mod indent;
mod merge;
mod names;
mod paths;
mod prolog;
mod read;
mod scan;
mod sparse;
mod tree;
mod versions;
mod vocabulary;
mod words;
mod write;

pub use encoding::Source;
use std::ops::ControlFlow;

pub use elements::{Element, parse_elements};
pub use error::{Error, ErrorKind, Position};
pub use merge::{Counts, Mode};
pub use paths::Rules;
pub use versions::{Versions, check_versions};

/// How many times longer than a document a delta may be that [`extract()`] takes, limits being those of documents.
pub const DELTA_LONGER: usize = delta::LONGER;

/// What is bounded, and by how much. A document that is more is refused with [`Code::OverLimit`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one document; never more than 1 GiB.
    pub bytes: usize,
    /// Elements inside of each other.
    pub depth: usize,
    /// Nodes of one document.
    pub nodes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Namespace declarations inside of each other.
    pub namespaces: usize,
    /// Bytes that all references to entities of one document stand for.
    pub entity_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 50_000,
            nodes: 16 << 20,
            attributes: 4096,
            namespaces: 1024,
            entity_bytes: 8 << 20,
        }
    }
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The input of this number, from 0, is read.
    Reading(usize),
    /// Versions are matched with each other and written.
    Comparing,
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The step.
    pub step: Step,
    /// How much of it is done.
    pub done: u64,
    /// How much there is to it.
    pub total: u64,
}

/// Receives progress, and can stop the work.
pub trait ProgressSink {
    /// Called many times a second while work goes on; [`ControlFlow::Break`] ends it with [`ErrorKind::Stopped`].
    fn progress(&self, progress: Progress) -> ControlFlow<()>;
}

/// Ignores progress and never stops the work.
impl ProgressSink for () {
    fn progress(&self, _: Progress) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// What white space means where `xml:space` does not say `preserve`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Whitespace {
    /// Every character counts.
    #[default]
    Exact,
    /// It separates words; between elements it means nothing. The last version's is written.
    Loose,
    /// As loose, and the result has no more of it than words need.
    Ignore,
}

/// What a comparison writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Context {
    /// Everything that either document has.
    #[default]
    Full,
    /// The same, but of elements that both have alike only their start tags.
    ChangesOnly,
}

/// How to compare.
#[derive(Debug, Clone, Default)]
pub struct CompareOptions {
    /// What to write.
    pub context: Context,
    /// How to match.
    pub matching: MatchOptions,
    /// Mark what was moved as such, not only as deleted and added.
    pub moves: bool,
}

/// How to match the parts of versions with each other.
#[derive(Debug, Clone)]
pub struct MatchOptions {
    /// What white space means.
    pub whitespace: Whitespace,
    /// Texts differ in words; otherwise as a whole.
    pub words: bool,
    /// Elements whose children are in no order, by name or small path: `list`, `catalog/list`, `/catalog/list`.
    /// `deltaxml:ordered="false"` in a document says the same.
    pub unordered: Vec<String>,
    /// Elements that are matched only by equal keys, with the attribute that is the key: `item@id`.
    /// `deltaxml:key` in a document gives a key, too.
    pub keys: Vec<String>,
    /// Words and children of one element, in all versions together, that are matched with each other at once. Longer
    /// content is matched a part at a time, which bounds the memory that it takes.
    pub window: usize,
    /// What is refused.
    pub limits: Limits,
}

impl Default for MatchOptions {
    fn default() -> Self {
        Self {
            whitespace: Whitespace::Exact,
            words: true,
            unordered: Vec::new(),
            keys: Vec::new(),
            window: 1 << 17,
            limits: Limits::default(),
        }
    }
}

/// What a merge writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MergeForm {
    /// Every version, with marks.
    #[default]
    Delta,
    /// One document that has every change, with marks only where versions contradict each other.
    Merged,
}

/// How to merge.
#[derive(Debug, Clone, Default)]
pub struct MergeOptions {
    /// What to write.
    pub form: MergeForm,
    /// How the versions come from each other.
    pub mode: Mode,
    /// How to match.
    pub matching: MatchOptions,
}

/// A version of a document.
#[derive(Debug, Clone)]
pub struct Version {
    /// What marks call it.
    pub name: String,
    /// The document.
    pub source: Source,
}

/// What came of a comparison or a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// The document, in UTF-8.
    pub xml: String,
    /// How much differs.
    pub counts: Counts,
}

/// Compares two documents; the marks call them `A` and `B`.
///
/// # Errors
/// As [`Code`] says; about a document with its number and the place in it.
pub fn compare(
    a: Source,
    b: Source,
    options: &CompareOptions,
    sink: &dyn ProgressSink,
) -> Result<Delta, Error> {
    let mut versions = Versions::new(&options.matching)?;
    versions.read("A", a, sink)?;
    versions.read("B", b, sink)?;
    versions.compare(options.context, options.moves, sink)
}

/// Merges versions of a document; the first is the one that the others come from.
///
/// # Errors
/// As for [`compare`]; and [`Code::BadVersions`] for names that cannot stand in marks or are there twice, and
/// for fewer than two versions, or other than three in a three-way merge.
pub fn merge(
    versions: Vec<Version>,
    options: &MergeOptions,
    sink: &dyn ProgressSink,
) -> Result<Delta, Error> {
    let mut read = Versions::new(&options.matching)?;
    for version in versions {
        read.read(&version.name, version.source, sink)?;
    }
    read.merge(options.form, options.mode, sink)
}

/// Takes a version out of a delta that has all of it. The limits are those of the documents that it was made of; a delta
/// may have as much more as marks take.
///
/// # Errors
/// [`Code::NotADelta`], [`Code::UnknownVersion`], and what is wrong with the delta as a document.
pub fn extract(
    delta: Source,
    version: &str,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    extract::extract(delta, version, limits, sink)
}

/// Puts every element of a document on a line of its own, where that makes no difference but in white space.
///
/// # Errors
/// What is wrong with the document.
pub fn indent(document: String, limits: &Limits, sink: &dyn ProgressSink) -> Result<String, Error> {
    indent::indent(document.into(), limits, sink)
}

/// Makes a page for people of a delta: one HTML document that needs nothing else. The limits are as for [`extract()`].
///
/// # Errors
/// [`Code::NotADelta`], and what is wrong with the delta as a document.
pub fn render_html(
    delta: String,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    html::render(delta.into(), limits, sink)
}
