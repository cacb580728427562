//! Extracts a version from a delta.

mod attributes;
mod extractor;
mod names;
mod order;

pub(crate) use extractor::extract;
