//! Matches the parts of one element's content with those of another's.
//!
//! The most reliable evidence comes first: unique equal content, equal identifiers, equal content in the same order,
//! content that is equal except for white space, and finally similarity. Each step works in the gaps that the steps
//! before it left. No step takes time quadratic in the length of a row.

mod align_rows;
mod candidates;
mod chain;
mod lcs;
mod matcher;
mod row;
mod similarity;
mod sketch;

pub(crate) use chain::significant_chain;
pub(crate) use lcs::{Item, unique_matches};
pub(crate) use matcher::{IdAttributes, Matcher};
pub(crate) use row::{Content, ContentPosition, Part, Row, Unit};
pub(crate) use similarity::match_unordered;
pub(crate) use sketch::SketchCache;
