//! Compares and merges XML documents, and extracts their versions again. The crate opens no files and starts no
//! threads.
//!
//! [`compare`] and [`merge()`] write a *delta*: one document that contains all versions and marks each difference with
//! the versions that have it (DeltaXML's deltaV2). [`extract()`] takes a version out of a delta; the result equals the
//! input by exclusive canonical XML. [`render_html()`] shows a delta as a page. [`Limits`] bound the work, and a
//! [`ProgressSink`] observes it and can stop it. Nothing that a document refers to is opened. This is
//! `examples/compare.rs`:
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
mod external_subset;
mod extract;
mod hashes;
mod html;
mod indent;
mod merge;
mod names;
mod namespaces;
mod options;
mod paths;
mod prefixes;
mod progress;
mod prolog;
mod read;
mod scan;
mod sparse;
mod tokens;
mod tree;
mod versions;
mod vocabulary;
mod write;

pub use elements::{Element, parse_elements};
pub use encoding::Source;
pub use error::{Error, ErrorKind, Position};
pub use merge::Counts;
pub use options::{
    Additions, CompareOptions, Context, Limits, MatchOptions, MergeForm, MergeOptions, Mode,
    Namespaces, PageOptions, Roots, Whitespace,
};
pub use paths::Rules;
pub use progress::{Progress, ProgressSink, Step};
pub use versions::{Delta, Version, Versions, check_versions};

/// How many times longer than the longest version a delta may be for [`extract()`] and [`render_html()`].
pub const MAX_DELTA_GROWTH: usize = delta::MAX_GROWTH;

/// Compares two documents; marks name them `A` and `B`.
///
/// # Errors
/// [`ErrorKind::NotWellFormed`] and [`ErrorKind::OverLimit`] for a document, with its index and the position;
/// [`ErrorKind::DifferentRoots`] if the root elements have different names; [`ErrorKind::BadOption`] for an invalid
/// path; [`ErrorKind::Stopped`] if `sink` stopped the work.
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

/// Merges versions of a document; the first version is the common ancestor.
///
/// # Errors
/// The errors of [`compare`], and [`ErrorKind::BadVersions`] if a name is invalid or duplicate, if there are fewer
/// than two or too many versions, or not three in a three-way merge.
pub fn merge(
    versions: Vec<Version>,
    options: &MergeOptions,
    sink: &dyn ProgressSink,
) -> Result<Delta, Error> {
    let mut read = Versions::new(&options.matching)?;
    for version in versions {
        read.read(&version.name, version.source, sink)?;
    }
    read.merge(options.form, options.mode, options.additions, sink)
}

/// Extracts a version from a delta. `limits` are those of the original documents; the limits of the delta are derived
/// from them.
///
/// # Errors
/// [`ErrorKind::NotADelta`] if the document is not a delta or contains changes only, [`ErrorKind::UnknownVersion`] if
/// it has no such version, [`ErrorKind::NotWellFormed`], [`ErrorKind::OverLimit`] and [`ErrorKind::Stopped`].
pub fn extract(
    delta: Source,
    version: &str,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    extract::extract(delta, version, limits, sink)
}

/// Puts each element on a line of its own where that changes insignificant white space only.
///
/// # Errors
/// [`ErrorKind::NotWellFormed`], [`ErrorKind::OverLimit`] and [`ErrorKind::Stopped`].
pub fn indent(document: String, limits: &Limits, sink: &dyn ProgressSink) -> Result<String, Error> {
    indent::indent(document.into(), limits, sink)
}

/// Renders a delta as a self-contained HTML page: inline or side by side, with a list of changes. `limits` are those of
/// the original documents.
///
/// # Errors
/// [`ErrorKind::NotADelta`] if the document is not a delta, [`ErrorKind::NotWellFormed`], [`ErrorKind::OverLimit`] and
/// [`ErrorKind::Stopped`].
pub fn render_html(
    delta: Delta,
    options: &PageOptions,
    limits: &Limits,
    sink: &dyn ProgressSink,
) -> Result<String, Error> {
    html::render(delta, options, limits, sink)
}
