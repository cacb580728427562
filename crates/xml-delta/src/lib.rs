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
mod options;
mod paths;
mod progress;
mod prolog;
mod read;
mod scan;
mod sparse;
mod tree;
mod versions;
mod vocabulary;
mod words;
mod write;

pub use elements::{Element, parse_elements};
pub use encoding::Source;
pub use error::{Error, ErrorKind, Position};
pub use merge::Counts;
pub use options::{
    CompareOptions, Context, Limits, MatchOptions, MergeForm, MergeOptions, Mode, Whitespace,
};
pub use paths::Rules;
pub use progress::{Progress, ProgressSink, Step};
pub use versions::{Delta, Version, Versions, check_versions};

/// How many times longer than a document a delta may be that [`extract()`] takes, limits being those of documents.
pub const DELTA_LONGER: usize = delta::LONGER;

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
